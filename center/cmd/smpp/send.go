package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/coding"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
	"github.com/godwit-sms/smpp/tlv"
	"github.com/rivo/uniseg"
	"github.com/spf13/cobra"
)

type sendFlags struct {
	connection         *connectionFlags
	pcap               *pcapFlags
	to, from           addressFlags
	receipt, json      bool
	rule               string
	wait               time.Duration
	onLast, dryRun     bool
	dataCoding         int
	codings            []string
	transliterate      bool
	graphemes, packed  bool
	ports              string
	udh, binary        string
	maxParts           int
	schedule, validity string
	tlvs               []string
	serviceType        string
	priority, protocol uint8
	method             string
	flash              bool
	mode               string
	replaceIfPresent   bool
	defaultMessage     uint8
	registered         int
}

func sendCommand(a *app) *cobra.Command {
	f := &sendFlags{}
	cmd := &cobra.Command{
		Use:   "send --to NUMBER [--from ADDRESS] TEXT...",
		Short: "Send a message and print its ids",
		Long: `send binds, sends a message of any length in any script, and prints the
message_id of each part. The text is what is left on the command line, or
standard input when there is nothing, or "-". With --receipt it waits for the
receipts and fails unless all parts were delivered. Without it, it binds as
transmitter, so that no receipts of others come its way. A part that is refused
for the time being, throttled for one, is sent again until --timeout is over.

The text is sent in the coding that takes the fewest parts of those allowed with
--coding: gsm7 and ucs2, if nothing is said. "national" allows the tables of all
languages of GSM, gsm7-turkish and the like those of one, which not every handset
knows. --dry-run shows what would be sent, and why it takes what it takes.

` + addressHelp + `

With --dry-run --json, the one object has coding, data_coding, parts, units (of
all parts: septets, octets or UTF-16 units), units_per_part, units_left (in the
last part), forcing (the characters that forced the coding), text (as it is
sent), and pdus, each as "smpp decode --json" prints it.`,
		Example: `  smpp send --to 491701234567 --from ACME --receipt "Your code is 4711"
  smpp send --to 8080 --validity 2h --json < letter.txt
  smpp send --url ssmpp://acme:secret@smsc.example.com --to 447700900123 --flash "Look up!"
  smpp send --to 447700900123 --ports 2948:9200 --binary 0106246170706C --tlv user_message_reference=00FF
  smpp send --to 447700900123 --ports 9204 --coding gsm7,latin1 < card.vcf
  smpp send --dry-run --to +905301234567 --coding national,ucs2 "Şimdi yola çıkıyorum"
  smpp send --dry-run --json --to 8080 --transliterate "“Smart” quotes…" | jq .parts
  smpp send --to 491701234567 --smpp-version 5.0 --mode transaction "Are you there?"
  smpp send --to 8080 --method udh16 --receipt --receipt-on-last --schedule 90m < letter.txt`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.send(cmd, f, args) },
	}
	f.connection, f.pcap = addConnectionFlags(cmd, "transmitter"), addPcapFlags(cmd, false)
	fs := cmd.Flags()
	fs.StringVar(&f.to.addr, "to", "", "destination `address`")
	fs.StringVar(&f.from.addr, "from", "", "source `address`; the message center's default when left out")
	fs.IntVar(&f.to.ton, "to-ton", -1, "type of number of --to (`0-255`)")
	fs.IntVar(&f.to.npi, "to-npi", -1, "numbering plan of --to (`0-255`)")
	fs.IntVar(&f.from.ton, "from-ton", -1, "type of number of --from (`0-255`)")
	fs.IntVar(&f.from.npi, "from-npi", -1, "numbering plan of --from (`0-255`)")
	fs.BoolVar(&f.receipt, "receipt", false, "ask for receipts and wait for them")
	fs.DurationVar(&f.wait, "receipt-timeout", time.Minute, "longest wait for the receipts (`duration`)")
	fs.StringVar(&f.rule, "receipt-id", anyRule, "how ids in receipts differ from those in responses: exact, hex-to-decimal, decimal-to-hex, padded or case-insensitive; any takes what fits one message only (`rule`)")
	fs.BoolVar(&f.json, "json", false, "print JSON, an object a line")
	fs.IntVar(&f.dataCoding, "data-coding", -1, "data_coding, when it is not to follow from the text (`0-255`)")
	fs.StringSliceVar(&f.codings, "coding", nil, "codings that may be used, of which the cheapest is: gsm7, national, gsm7-turkish and other languages, latin1, ucs2, ... (`names`)")
	fs.BoolVar(&f.transliterate, "transliterate", false, "write characters that would cost a dearer coding with similar ones")
	fs.BoolVar(&f.graphemes, "graphemes", false, "never cut within a user-perceived character, such as an emoji of several")
	fs.BoolVar(&f.packed, "packed", false, "pack GSM septets, eight in seven octets, for message centers that want it")
	fs.StringVar(&f.ports, "ports", "", "application ports, `destination[:source]`, such as 2948:9200 for WAP push and 9204 for a vCard")
	fs.IntVar(&f.maxParts, "max-parts", 0, "most parts that the message may take; 0 means 255 (`number`)")
	fs.BoolVar(&f.onLast, "receipt-on-last", false, "with --receipt, ask for the receipt of the last part only")
	fs.BoolVar(&f.dryRun, "dry-run", false, "show what would be sent, without connecting")
	fs.StringVar(&f.udh, "udh", "", "user data header in `hex`, with its length octet")
	fs.StringVar(&f.binary, "binary", "", "send these octets in `hex` instead of a text")
	fs.StringVar(&f.schedule, "schedule", "", "when to deliver: a duration such as 90m, a time such as 2026-01-31T10:00:00Z, or the form of SMPP (`time`)")
	fs.StringVar(&f.validity, "validity", "", "how long to try: as --schedule (`time`)")
	fs.StringArrayVar(&f.tlvs, "tlv", nil, "add a TLV, `tag=hex`, with a name of SMPP or a number for the tag; may be given several times")
	fs.StringVar(&f.serviceType, "service-type", "", "service_type, at most 5 octets (`text`)")
	fs.Uint8Var(&f.priority, "priority", 0, "priority_flag (`0-4`)")
	fs.Uint8Var(&f.protocol, "protocol-id", 0, "protocol_id (`0-255`)")
	fs.StringVar(&f.method, "method", "udh", "how a long text is carried: udh, udh16, sar or payload (`method`)")
	fs.BoolVar(&f.flash, "flash", false, "show the message at once and do not store it (class 0)")
	fs.StringVar(&f.mode, "mode", "default", "messaging mode: default, datagram, transaction or store (`mode`)")
	fs.BoolVar(&f.replaceIfPresent, "replace-if-present", false, "take the place of a message that waits, from and to the same addresses with the same service_type")
	fs.Uint8Var(&f.defaultMessage, "default-message", 0, "have the message center send its own text with this number, sm_default_msg_id, instead of one of yours (`1-254`)")
	fs.IntVar(&f.registered, "registered-delivery", -1, "registered_delivery as it is, instead of --receipt; nothing is waited for (`0-255`)")
	completeFlag(cmd, "mode", "default", "datagram", "transaction", "store")
	completeFlag(cmd, "receipt-id", anyRule, sms.MessageIDExact.String(), sms.MessageIDHexToDecimal.String(), sms.MessageIDDecimalToHex.String(), sms.MessageIDPadded.String(), sms.MessageIDCaseInsensitive.String())
	completeFlag(cmd, "method", "udh", "udh16", "sar", "payload")
	completeFlag(cmd, "coding", codingNames()...)
	oneOff(fs, "dry-run")
	return cmd
}

// compose returns what is to be sent and what it takes.
func (f *sendFlags) compose(text string) (parts []*pdu.SubmitSM, e sms.Estimate, err error) {
	m, o, profile, err := f.template()
	if err != nil {
		return nil, e, err
	}
	if f.binary != "" {
		b, err := hex.DecodeString(f.binary)
		if err != nil {
			return nil, e, usagef("--binary: %w", err)
		}
		if e, err = profile.EstimateBinary(m, b, o); err == nil {
			parts, err = profile.ComposeBinary(m, b, o)
		}
		return parts, e, wrong(err)
	}
	if e, err = profile.EstimateFor(m, text, o); err == nil {
		parts, err = profile.Compose(m, text, o)
	}
	return parts, e, wrong(err)
}

// template returns what the flags say of the message beside its content.
func (f *sendFlags) template() (_ *pdu.SubmitSM, _ *sms.Options, profile sms.Profile, _ error) {
	m := &pdu.SubmitSM{ServiceType: f.serviceType, PriorityFlag: f.priority, ProtocolID: f.protocol}
	var err error
	if f.to.addr == "" {
		return nil, nil, profile, usagef("--to: a destination is required")
	}
	if m.Dest, err = f.to.parse("to", 20); err != nil {
		return nil, nil, profile, err
	}
	if m.Dest.TON == pdu.TONAlphanumeric && f.to.ton < 0 {
		return nil, nil, profile, usagef("--to %q: a number is required; --to-ton 5 makes it a name", f.to.addr)
	}
	if f.priority > 4 {
		return nil, nil, profile, usagef("--priority %d: 0 to 4 are possible", f.priority)
	}
	if m.Source, err = f.from.parse("from", 20); err != nil {
		return nil, nil, profile, err
	}
	if m.ScheduleDeliveryTime, err = smppTime(f.schedule, f.connection.version); err != nil {
		return nil, nil, profile, usagef("--schedule: %w", err)
	}
	if m.ValidityPeriod, err = smppTime(f.validity, f.connection.version); err != nil {
		return nil, nil, profile, usagef("--validity: %w", err)
	}
	if err := f.handling(m); err != nil {
		return nil, nil, profile, err
	}
	for _, t := range f.tlvs {
		o, err := parseTLV(t)
		if err != nil {
			return nil, nil, profile, usagef("--tlv %s: %w", t, err)
		}
		m.TLVs = append(m.TLVs, o)
	}
	o := new(sms.Options)
	switch f.method {
	case "udh":
	case "udh16":
		o.Method = sms.ByUDH16
	case "sar":
		o.Method = sms.BySAR
	case "payload":
		o.Method = sms.ByPayload
	default:
		return nil, nil, profile, usagef("--method %q: udh, udh16, sar or payload is required", f.method)
	}
	if f.udh != "" {
		b, err := hex.DecodeString(f.udh)
		if err != nil {
			return nil, nil, profile, usagef("--udh: %w", err)
		}
		h, n, err := sms.ParseUDH(b)
		if err != nil {
			return nil, nil, profile, usagef("--udh: %w", err)
		}
		if n != len(b) {
			return nil, nil, profile, usagef("--udh: %d octets after the header", len(b)-n)
		}
		o.Header = h
	}
	if f.flash {
		o.Class = new(coding.ClassDisplay)
	}
	if f.ports != "" {
		e, err := parsePorts(f.ports)
		if err != nil {
			return nil, nil, profile, err
		}
		o.Header = append(o.Header, e)
	}
	if f.maxParts < 0 || f.maxParts > 255 {
		return nil, nil, profile, usagef("--max-parts %d: 1 to 255, or 0 for 255", f.maxParts)
	}
	o.MaxParts, o.Transliterate, o.ReceiptOnLast = f.maxParts, f.transliterate, f.onLast
	if f.onLast && !f.receipt {
		return nil, nil, profile, usagef("--receipt-on-last: it says more about --receipt, which is missing")
	}
	if f.graphemes {
		o.Boundary = func(s string) int { c, _, _, _ := uniseg.FirstGraphemeClusterInString(s, -1); return len(c) }
	}
	if f.dataCoding > 255 {
		return nil, nil, profile, usagef("--data-coding %d: 0 to 255 are possible", f.dataCoding)
	}
	if f.dataCoding == 0 && f.binary != "" {
		return nil, nil, profile, usagef("--data-coding 0: it announces text; octets need one such as 4")
	}
	if f.dataCoding >= 0 {
		m.DataCoding = pdu.DataCoding(f.dataCoding)
	}
	profile.Alphabet = coding.GSM7
	if f.packed {
		profile.Alphabet = coding.Packed{}
	}
	if f.binary != "" && len(f.codings) > 0 {
		return nil, nil, profile, usagef("--coding: octets have none; --data-coding says what they are")
	}
	return m, o, profile, allowCodings(o, f.codings, profile.Alphabet)
}

// handling sets what the message center is to do with the message.
func (f *sendFlags) handling(m *pdu.SubmitSM) error {
	switch {
	case f.registered > 255:
		return usagef("--registered-delivery %d: 0 to 255 are possible", f.registered)
	case f.registered >= 0 && f.receipt:
		return usagef("--registered-delivery: --receipt asks for receipts, too; one of both is possible")
	case f.registered >= 0:
		m.RegisteredDelivery = pdu.RegisteredDelivery(f.registered)
	case f.receipt:
		m.RegisteredDelivery = pdu.FinalReceipt
	}
	switch f.mode {
	case "default":
	case "datagram":
		m.ESMClass |= pdu.ModeDatagram
	case "transaction":
		m.ESMClass |= pdu.ModeForward
	case "store":
		m.ESMClass |= pdu.ModeStoreAndForward
	default:
		return usagef("--mode %q: default, datagram, transaction or store is required", f.mode)
	}
	if f.replaceIfPresent {
		m.ReplaceIfPresent = 1
	}
	if f.defaultMessage == 255 {
		return usagef("--default-message 255: 1 to 254 are possible")
	}
	m.DefaultMessageID = f.defaultMessage
	return nil
}

// parsePorts reads destination[:source].
func parsePorts(s string) (e sms.Element, err error) {
	dest, source, both := strings.Cut(s, ":")
	if !both {
		source = "0"
	}
	d, err := strconv.ParseUint(dest, 10, 16)
	if err != nil {
		return e, usagef("--ports %q: %q is not a port from 0 to 65535", s, dest)
	}
	from, err := strconv.ParseUint(source, 10, 16)
	if err != nil {
		return e, usagef("--ports %q: %q is not a port from 0 to 65535", s, source)
	}
	return sms.Ports(uint16(d), uint16(from)), nil
}

// wrong makes an error of composing one of usage.
func wrong(err error) error {
	if err != nil {
		return &usageError{err}
	}
	return nil
}

// smppTime reads a time of the command line, for a version of SMPP: v3.3 has no
// durations.
func smppTime(s, version string) (pdu.Time, error) {
	if s == "" {
		return "", nil
	}
	if d, err := time.ParseDuration(s); err == nil && version == "3.3" && d >= 0 {
		return pdu.AbsoluteTime(time.Now().Add(d))
	} else if err == nil {
		return pdu.RelativeTime(d)
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return pdu.AbsoluteTime(t)
	}
	t := pdu.Time(s)
	if err := t.Check(); err != nil {
		return "", fmt.Errorf("%w; a duration such as 90m or a time such as 2026-01-31T10:00:00Z will do, too", err)
	}
	return t, nil
}

// parseTLV reads tag=hex.
func parseTLV(s string) (o tlv.Option, err error) {
	tag, value, ok := strings.Cut(s, "=")
	if !ok {
		return o, errors.New("tag=hex is required")
	}
	found := false
	for _, d := range pdu.Standard().TLVs() {
		if d.Name == tag {
			o.Tag, found = d.Tag, true
		}
	}
	if !found {
		n, err := strconv.ParseUint(tag, 0, 16)
		if err != nil {
			return o, fmt.Errorf("%q is neither a TLV of SMPP nor a number up to 0xFFFF", tag)
		}
		o.Tag = tlv.Tag(n)
	}
	o.Value, err = hex.DecodeString(value)
	return o, err
}

// sendReport is what send --json prints.
type sendReport struct {
	Part       int        `json:"part"`
	Parts      int        `json:"parts"`
	MessageID  string     `json:"message_id,omitempty"`
	Error      string     `json:"error,omitempty"`
	Status     string     `json:"status,omitempty"`
	State      string     `json:"state,omitempty"`
	Stat       string     `json:"stat,omitempty"`
	Err        string     `json:"err,omitempty"`
	Done       *time.Time `json:"done,omitempty"`
	DataCoding *uint8     `json:"data_coding,omitempty"`
}

func (a *app) send(cmd *cobra.Command, f *sendFlags, args []string) error {
	if f.receipt && !cmd.Flags().Changed("bind") {
		f.connection.bind = "transceiver"
	}
	conn, err := f.connection.parse()
	if err != nil {
		return err
	}
	if f.receipt && conn.Bind == pdu.IDBindTransmitter {
		return usagef("--receipt: a transmitter gets none; use --bind transceiver")
	}
	if conn.Bind == pdu.IDBindReceiver {
		return usagef("--bind receiver: a receiver cannot send")
	}
	text := strings.Join(args, " ")
	if f.binary != "" && len(args) > 0 {
		return usagef("--binary: a message has either octets or a text")
	}
	if f.defaultMessage > 0 && (f.binary != "" || len(args) > 0) {
		return usagef("--default-message: the text is the message center's; a message has either")
	}
	if f.binary == "" && f.defaultMessage == 0 && (len(args) == 0 || text == "-") {
		b, err := io.ReadAll(a.stdin)
		if err != nil {
			return fmt.Errorf("standard input: %w", err)
		}
		if text = strings.TrimSuffix(string(b), "\n"); text == "" {
			return usagef("standard input: there is no text; \"\" as an argument sends an empty message")
		}
	}
	parts, estimate, err := f.compose(text)
	if err != nil {
		return err
	}
	if f.dryRun {
		return a.dryRun(f, conn.Version, parts, estimate)
	}
	if !f.json {
		_, _ = fmt.Fprintln(a.stderr, summary(estimate))
	}
	ctx := cmd.Context()
	rules, err := messageIDRules(f.rule)
	if err != nil {
		return err
	}
	wanted := newReceipts(rules, parts[0].Dest)
	trace, logged, err := f.pcap.open(a, cmd)
	if err != nil {
		return err
	}
	defer logged()
	s, err := conn.dial(ctx, smpp.Config{Window: 10, Handler: wanted, InboundWindow: 1000, Trace: trace})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()

	ids := make([]string, len(parts))
	failed := make([]error, len(parts))
	var wg sync.WaitGroup
	var lost atomic.Bool // a part: what came after it would never be joined
	room := make(chan struct{}, 10)
	for i, m := range parts {
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			if lost.Load() {
				failed[i] = errors.New("not sent, as another part was not accepted")
				return
			}
			resp, err := submit(ctx, s, m, conn.Timeout)
			if err != nil {
				lost.Store(true)
				failed[i] = err
				return
			}
			ids[i] = resp.MessageID
		})
	}
	wg.Wait()
	wanted.expect(ids)
	refused := 0
	for i := range parts {
		r := sendReport{Part: i + 1, Parts: len(parts), MessageID: ids[i], DataCoding: (*uint8)(&parts[i].DataCoding)}
		if failed[i] != nil {
			refused++
			r.Error = oneLine(failed[i])
			var resp *smpp.ResponseError
			if errors.As(failed[i], &resp) {
				r.Status = resp.Status.String()
			}
		}
		a.reportPart(f, r)
	}
	if refused > 0 {
		return fmt.Errorf("%d of %d parts not accepted: %w", refused, len(parts), errors.Join(failed...))
	}
	if !f.receipt {
		return nil
	}
	first := 0
	if f.onLast {
		first = len(ids) - 1
	}
	return a.awaitReceipts(ctx, f, ids, first, wanted, s)
}

// submit sends a part, again if it was refused for the time being.
func submit(ctx context.Context, s *smpp.Session, m *pdu.SubmitSM, patience time.Duration) (*pdu.SubmitSMResp, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var refused error
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		resp, err := s.Submit(ctx, m)
		if refused != nil && smpp.Outcome(err) == smpp.NeverSent {
			return nil, refused // time was over before it could be sent again
		}
		refused = err
		if err == nil || smpp.Outcome(err) != smpp.Refused || !smpp.SafeToRetry(err) {
			return resp, err
		}
		if end, _ := ctx.Deadline(); time.Until(end) <= pause {
			return nil, err // at the last instant nobody would wait for the answer
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil, err
		}
	}
}

func (a *app) reportPart(f *sendFlags, r sendReport) {
	if f.json {
		b, err := json.Marshal(r)
		if err == nil {
			_, _ = fmt.Fprintf(a.stdout, "%s\n", b)
		}
		return
	}
	switch {
	case r.Error != "":
	case r.State != "" || r.Stat != "":
		line := r.MessageID + " " + cmp.Or(r.State, r.Stat)
		if r.Err != "" && strings.Trim(r.Err, "0") != "" {
			line += " (err " + r.Err + ")"
		}
		_, _ = fmt.Fprintln(a.stdout, line)
	case r.Parts > 1:
		_, _ = fmt.Fprintf(a.stdout, "%s (part %d of %d)\n", r.MessageID, r.Part, r.Parts)
	default:
		_, _ = fmt.Fprintln(a.stdout, r.MessageID)
	}
}

// receipts collects the receipts that come, by message id. They may come before
// the response to the submission; those for messages of others are left to the
// message center.
type receipts struct {
	smpp.Handler
	rules []sms.MessageIDRule // the first that finds one counts
	dest  pdu.Address         // of our messages
	known chan struct{}       // closed when ids is set
	ids   []string
	mu    sync.Mutex
	got   map[string]*sms.Receipt
	last  map[string]string // the state in the last receipt that was not final
	more  chan struct{}
}

// anyRule is the --receipt-id that tries all rules.
const anyRule = "any"

// messageIDRules returns the rules to try.
func messageIDRules(name string) ([]sms.MessageIDRule, error) {
	if name == anyRule {
		return []sms.MessageIDRule{sms.MessageIDExact, sms.MessageIDCaseInsensitive, sms.MessageIDPadded, sms.MessageIDHexToDecimal, sms.MessageIDDecimalToHex}, nil
	}
	rule, err := sms.ParseMessageIDRule(name)
	if err != nil {
		return nil, usagef("--receipt-id %q: %s, exact, hex-to-decimal, decimal-to-hex, padded or case-insensitive is required", name, anyRule)
	}
	return []sms.MessageIDRule{rule}, nil
}

func newReceipts(rules []sms.MessageIDRule, dest pdu.Address) *receipts {
	r := &receipts{rules: rules, dest: dest, known: make(chan struct{}), got: map[string]*sms.Receipt{}, last: map[string]string{}, more: make(chan struct{}, 1)}
	mux := smpp.NewMux()
	smpp.Handle(mux, func(ctx context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) { return nil, r.add(ctx, m) })
	smpp.Handle(mux, func(ctx context.Context, m *pdu.DataSM) (*pdu.DataSMResp, error) { return nil, r.add(ctx, m) })
	r.Handler = mux
	return r
}

// expect says which messages are ours.
func (r *receipts) expect(ids []string) {
	r.ids = ids
	close(r.known)
}

// add keeps a receipt of ours. Whatever else comes is not for this command to
// take.
func (r *receipts) add(ctx context.Context, b pdu.Body) error {
	receipt, ok := sms.Profile{}.ReadReceipt(b)
	if !ok {
		return pdu.StatusTemporaryAppError
	}
	select {
	case <-r.known:
	case <-ctx.Done():
		return pdu.StatusTemporaryAppError
	}
	id := r.find(receipt.ID, sourceOf(b))
	if id == "" {
		return pdu.StatusTemporaryAppError
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case receipt.HasState && !receipt.Final():
		r.last[id] = receipt.State.String()
	case receipt.HasState || !receipt.Intermediate: // a word that is no state of SMPP is the last one, too
		r.got[id] = receipt
		select {
		case r.more <- struct{}{}:
		default:
		}
	}
	return nil
}

// find returns the id of ours that the id of a receipt means, or nothing. One that
// is written otherwise may be of somebody else's message: it counts if it fits one
// of ours only, and comes from where that went.
func (r *receipts) find(id string, source pdu.Address) string {
	if id == "" {
		return ""
	}
	for _, rule := range r.rules {
		found, n := "", 0
		for _, ours := range r.ids {
			if ours != "" && ours != found && rule.Match(ours, id) {
				found, n = ours, n+1
			}
		}
		switch {
		case n == 1 && (len(r.rules) == 1 || rule == sms.MessageIDExact || sameNumber(source.Addr, r.dest.Addr)):
			return found
		case n > 0:
			return ""
		}
	}
	return ""
}

func sourceOf(b pdu.Body) pdu.Address {
	switch m := b.(type) {
	case *pdu.DeliverSM:
		return m.Source
	case *pdu.DataSM:
		return m.Source
	}
	return pdu.Address{}
}

// sameNumber reports whether two addresses can be the same but for a prefix, such
// as that of the country.
func sameNumber(a, b string) bool {
	a, b = strings.TrimLeft(a, "+0"), strings.TrimLeft(b, "+0")
	if len(a) > len(b) {
		a, b = b, a
	}
	return a == b || len(a) >= 6 && strings.HasSuffix(b, a)
}

func (r *receipts) take(id string) *sms.Receipt {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got[id]
}

// said returns the state that the last receipt told of that was not final, or "".
func (r *receipts) said(id string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last[id]
}

// awaitReceipts waits for the receipts of the parts from first on.
func (a *app) awaitReceipts(ctx context.Context, f *sendFlags, ids []string, first int, wanted *receipts, s *smpp.Session) error {
	ctx, cancel := context.WithTimeoutCause(ctx, f.wait, fmt.Errorf("no receipt within %v (--receipt-timeout)", f.wait))
	defer cancel()
	undelivered := 0
	for i := first; i < len(ids); i++ {
		id := ids[i]
		receipt := wanted.take(id)
		for receipt == nil {
			select {
			case <-wanted.more:
			case <-s.Done():
				return fmt.Errorf("waiting for the receipt of %s: %w", id, s.Err())
			case <-ctx.Done():
				err := fmt.Errorf("waiting for the receipt of %s: %w", id, context.Cause(ctx))
				if said := wanted.said(id); said != "" {
					err = fmt.Errorf("%w; the last that came said %s", err, said)
				}
				return err
			}
			receipt = wanted.take(id)
		}
		r := sendReport{Part: i + 1, Parts: len(ids), MessageID: id, Stat: receipt.Stat, Err: receipt.Err}
		if receipt.HasState {
			r.State = receipt.State.String()
		}
		if !receipt.DoneDate.IsZero() {
			r.Done = &receipt.DoneDate
		}
		if receipt.State != pdu.StateDelivered {
			undelivered++
		}
		a.reportPart(f, r)
	}
	if undelivered > 0 {
		return fmt.Errorf("%d of %d parts not delivered", undelivered, len(ids)-first)
	}
	return nil
}
