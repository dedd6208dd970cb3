package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/coding"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
	"github.com/spf13/cobra"
)

// An operation is a subcommand that sends one request about a message.
type operation struct {
	connection *connectionFlags
	json       bool
	from, to   addressFlags
	isCell     bool // --broadcast
}

func (o *operation) add(cmd *cobra.Command, withTo, withBroadcast bool) {
	o.connection = addConnectionFlags(cmd, "transmitter")
	fs := cmd.Flags()
	fs.StringVar(&o.from.addr, "from", "", "source `address`, as the message was sent with")
	fs.IntVar(&o.from.ton, "from-ton", -1, "type of number of --from (`0-255`)")
	fs.IntVar(&o.from.npi, "from-npi", -1, "numbering plan of --from (`0-255`)")
	if withTo {
		fs.StringVar(&o.to.addr, "to", "", "destination `address`, as the message was sent to")
		fs.IntVar(&o.to.ton, "to-ton", -1, "type of number of --to (`0-255`)")
		fs.IntVar(&o.to.npi, "to-npi", -1, "numbering plan of --to (`0-255`)")
	}
	if withBroadcast {
		fs.BoolVar(&o.isCell, "broadcast", false, "the id is that of a broadcast (SMPP v5.0)")
	}
	fs.BoolVar(&o.json, "json", false, "print one JSON object")
}

// run binds and has fn send its request. isCell has v5.0 spoken, unless it was
// said otherwise.
func (o *operation) run(cmd *cobra.Command, isCell bool, fn func(context.Context, *smpp.Session) error) error {
	if isCell && !cmd.Flags().Changed("smpp-version") {
		o.connection.version = "5.0"
	}
	conn, err := o.connection.parse()
	if err != nil {
		return err
	}
	if isCell && conn.Version < pdu.V50 {
		return usagef("--smpp-version %v: broadcasts came with 5.0", conn.Version)
	}
	if conn.Bind == pdu.IDBindReceiver {
		return usagef("--bind receiver: a receiver cannot ask for this; use transmitter or transceiver")
	}
	s, err := conn.dial(cmd.Context(), smpp.Config{})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	ctx, cancel := context.WithTimeout(cmd.Context(), conn.Timeout)
	defer cancel()
	return explainRefusal(fn(ctx, s))
}

// explainRefusal adds what most often is behind a status.
func explainRefusal(err error) error {
	hints := map[pdu.Status]string{
		pdu.StatusInvalidMessageID: "there is no such message of this account, or none any more",
		pdu.StatusInvalidSource:    "give --from as the message was sent with",
		pdu.StatusCancelFailed:     "it has come to its end, or is being delivered",
		pdu.StatusReplaceFailed:    "it has come to its end, or is being delivered",
		pdu.StatusInvalidCommandID: "the message center does not know this operation",
	}
	var resp *smpp.ResponseError
	if errors.As(err, &resp) && hints[resp.Status] != "" {
		return fmt.Errorf("%w: %s", err, hints[resp.Status])
	}
	return err
}

func (o *operation) source() (pdu.Address, error) { return optional(o.from, "from") }

func optional(f addressFlags, flag string) (pdu.Address, error) {
	if f.addr == "" {
		if f.ton >= 0 || f.npi >= 0 {
			return pdu.Address{}, usagef("--%s: it is required with --%s-ton and --%s-npi", flag, flag, flag)
		}
		return pdu.Address{}, nil
	}
	return f.parse(flag, 20)
}

func messageID(args []string) (string, error) {
	if len(args) != 1 || args[0] == "" {
		return "", usagef("%d arguments: one message_id is required", len(args))
	}
	if err := cString(args[0], 64); err != nil {
		return "", usagef("message_id: %w", err)
	}
	return args[0], nil
}

func (a *app) print(asJSON bool, v any, text string) error {
	if asJSON {
		return json.NewEncoder(a.stdout).Encode(v)
	}
	_, _ = fmt.Fprintln(a.stdout, text)
	return nil
}

// A queryReport is what query --json prints.
type queryReport struct {
	MessageID string      `json:"message_id"`
	State     string      `json:"state"`
	Final     bool        `json:"final"`
	FinalDate *time.Time  `json:"final_date,omitempty"`
	ErrorCode uint8       `json:"error_code,omitempty"`
	Areas     []areaState `json:"areas,omitempty"`
}

type areaState struct {
	Area    string `json:"area"`
	Success *uint8 `json:"success,omitempty"` // per cent
}

func queryCommand(a *app) *cobra.Command {
	o := new(operation)
	cmd := &cobra.Command{
		Use:   "query MESSAGE_ID",
		Short: "Ask what became of a message",
		Long: `query asks the message center for the state of a message, by query_sm, or of a
broadcast, by query_broadcast_sm. Most message centers want the source address that
it was sent with.`,
		Example: `  smpp query 1000c6169e4a516f --from ACME
  smpp query --broadcast 1000c6169e4a517d
  smpp query --json 1000c6169e4a516f --from ACME | jq -r .state`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := messageID(args)
			if err != nil {
				return err
			}
			source, err := o.source()
			if err != nil {
				return err
			}
			return o.run(cmd, o.isCell, func(ctx context.Context, s *smpp.Session) error {
				if o.isCell {
					return a.queryBroadcast(ctx, s, o, &pdu.QueryBroadcastSM{MessageID: id, Source: source})
				}
				resp, err := s.Query(ctx, &pdu.QuerySM{MessageID: id, Source: source})
				if err != nil {
					return err
				}
				r := queryReport{MessageID: id, State: resp.State.String(), Final: resp.State.Final(), ErrorCode: resp.ErrorCode}
				text := fmt.Sprintf("%s: %s", id, r.State)
				if resp.FinalDate != "" {
					at, err := resp.FinalDate.InZone(time.UTC)
					if err != nil {
						return fmt.Errorf("final_date: %w", err)
					}
					r.FinalDate = &at
					text += " at " + at.Format(time.RFC3339)
				}
				if r.ErrorCode != 0 {
					text += fmt.Sprintf(", error %d", r.ErrorCode)
				}
				return a.print(o.json, r, text)
			})
		},
	}
	o.add(cmd, false, true)
	return cmd
}

func (a *app) queryBroadcast(ctx context.Context, s *smpp.Session, o *operation, req *pdu.QueryBroadcastSM) error {
	resp, err := s.QueryBroadcast(ctx, req)
	if err != nil {
		return err
	}
	state, ok := pdu.TLVMessageState.Get(resp.TLVs)
	if !ok {
		return errors.New("the response has no message_state")
	}
	r := queryReport{MessageID: req.MessageID, State: state.String(), Final: state.Final()}
	text := fmt.Sprintf("%s: %s", r.MessageID, r.State)
	var success []uint8
	for n := range pdu.TLVBroadcastAreaSuccess.All(resp.TLVs) {
		success = append(success, n)
	}
	i := 0
	for area := range pdu.TLVBroadcastAreaIdentifier.All(resp.TLVs) {
		x := areaState{Area: area.String()}
		text += ", " + x.Area
		if i < len(success) && success[i] <= 100 {
			x.Success = &success[i]
			text += fmt.Sprintf(" %d %%", success[i])
		}
		r.Areas = append(r.Areas, x)
		i++
	}
	return a.print(o.json, r, text)
}

func cancelCommand(a *app) *cobra.Command {
	o := new(operation)
	var serviceType string
	cmd := &cobra.Command{
		Use:   "cancel [MESSAGE_ID]",
		Short: "Cancel a message that waits, or all from one address to another",
		Long: `cancel has the message center give up a message that waits to be delivered, by
cancel_sm, or a broadcast, by cancel_broadcast_sm. Without a message_id, all
messages from --from to --to that wait are cancelled.`,
		Example: `  smpp cancel 1000c6169e4a516f --from ACME
  smpp cancel --from ACME --to 491701234567
  smpp cancel --broadcast 1000c6169e4a517d`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			req := &pdu.CancelSM{ServiceType: serviceType}
			var err error
			if len(args) > 0 {
				if req.MessageID, err = messageID(args); err != nil {
					return err
				}
			}
			if err := cString(serviceType, 5); err != nil {
				return usagef("--service-type: %w", err)
			}
			if req.Source, err = o.source(); err != nil {
				return err
			}
			if req.Dest, err = optional(o.to, "to"); err != nil {
				return err
			}
			switch {
			case o.isCell && req.MessageID == "":
				return usagef("--broadcast: a message_id is required")
			case o.isCell && req.Dest.Addr != "":
				return usagef("--to: a broadcast has no destination")
			case req.MessageID == "" && req.Dest.Addr == "":
				return usagef("a message_id is required, or --from and --to")
			}
			return o.run(cmd, o.isCell, func(ctx context.Context, s *smpp.Session) error {
				var err error
				if o.isCell {
					_, err = s.CancelBroadcast(ctx, &pdu.CancelBroadcastSM{ServiceType: req.ServiceType, MessageID: req.MessageID, Source: req.Source})
				} else {
					_, err = s.Cancel(ctx, req)
				}
				if err != nil {
					return err
				}
				return a.print(o.json, struct {
					MessageID string `json:"message_id,omitempty"`
					Cancelled bool   `json:"cancelled"`
				}{req.MessageID, true}, "cancelled")
			})
		},
	}
	o.add(cmd, true, true)
	cmd.Flags().StringVar(&serviceType, "service-type", "", "only messages with this service_type, at most 5 octets (`text`)")
	return cmd
}

func replaceCommand(a *app) *cobra.Command {
	o := new(operation)
	var schedule, validity, alphabet string
	var receipt bool
	cmd := &cobra.Command{
		Use:   "replace MESSAGE_ID TEXT...",
		Short: "Give a message that waits another text",
		Long: `replace changes a message that waits to be delivered, by replace_sm: its text, whether
a receipt is wanted, and when it is due and expires, if that is said. The text is
what is left on the command line, or standard input when there is nothing, or "-".
The data_coding of the message stays, so --coding has to be the one it was sent in.`,
		Example: `  smpp replace 1000c6169e4a516f --from ACME "We open at ten"
  smpp replace 1000c6169e4a516f --from ACME --coding ucs2 --schedule 2h "Открыто с десяти"`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("a message_id and a text are required")
			}
			id, err := messageID(args[:1])
			if err != nil {
				return err
			}
			text, err := a.text(args[1:])
			if err != nil {
				return err
			}
			req := &pdu.ReplaceSM{MessageID: id}
			if req.Source, err = o.source(); err != nil {
				return err
			}
			if req.ScheduleDeliveryTime, err = smppTime(schedule, o.connection.version); err != nil {
				return usagef("--schedule: %w", err)
			}
			if req.ValidityPeriod, err = smppTime(validity, o.connection.version); err != nil {
				return usagef("--validity: %w", err)
			}
			if receipt {
				req.RegisteredDelivery = pdu.FinalReceipt
			}
			m, err := composeOne(text, alphabet, sms.ByUDH)
			if err != nil {
				return err
			}
			req.ShortMessage = m.ShortMessage
			return o.run(cmd, false, func(ctx context.Context, s *smpp.Session) error {
				if _, err := s.Replace(ctx, req); err != nil {
					return err
				}
				return a.print(o.json, struct {
					MessageID string `json:"message_id"`
					Replaced  bool   `json:"replaced"`
				}{id, true}, "replaced")
			})
		},
	}
	o.add(cmd, false, false)
	fs := cmd.Flags()
	fs.StringVar(&schedule, "schedule", "", "when to deliver, as in smpp send (`time`)")
	fs.StringVar(&validity, "validity", "", "how long to try, as in smpp send (`time`)")
	fs.StringVar(&alphabet, "coding", "gsm7", "coding that the message was sent in (`name`)")
	fs.BoolVar(&receipt, "receipt", false, "ask for a receipt")
	completeFlag(cmd, "coding", codingNames()...)
	return cmd
}

// text returns the text of the command line, or of standard input.
func (a *app) text(args []string) (string, error) {
	if len(args) > 0 && (len(args) > 1 || args[0] != "-") {
		return strings.Join(args, " "), nil
	}
	b, err := io.ReadAll(io.LimitReader(a.stdin, 1<<20))
	if err != nil {
		return "", fmt.Errorf("standard input: %w", err)
	}
	s := strings.TrimSuffix(string(b), "\n")
	if s == "" {
		return "", usagef("standard input: there is no text; \"\" as an argument is an empty one")
	}
	return s, nil
}

// composeOne encodes a text that has to be a single message.
func composeOne(text, alphabet string, method sms.Method) (*pdu.SubmitSM, error) {
	profile := sms.Profile{Alphabet: coding.GSM7}
	o := &sms.Options{MaxParts: 1, Method: method}
	var codings []string
	if alphabet != "" {
		codings = []string{alphabet}
	}
	if err := allowCodings(o, codings, profile.Alphabet); err != nil {
		return nil, err
	}
	parts, err := profile.Compose(&pdu.SubmitSM{}, text, o)
	if err != nil {
		return nil, &usageError{err}
	}
	return parts[0], nil
}

func broadcastCommand(a *app) *cobra.Command {
	o := new(operation)
	var areas []string
	var repeat, service, priority int
	var every time.Duration
	var schedule, validity, alphabet string
	cmd := &cobra.Command{
		Use:   "broadcast --area NAME [--area NAME] TEXT...",
		Short: "Broadcast a message to areas",
		Long: `broadcast has the message center send a message to all who are in an area, by
broadcast_sm of SMPP v5.0, and prints its message_id. The text is what is left on
the command line, or standard input when there is nothing, or "-". smpp query
--broadcast tells how far it has come, smpp cancel --broadcast ends it.`,
		Example: `  smpp broadcast --area Berlin --repeat 3 --every 10m "Trams stand still until noon"
  smpp broadcast --area north --area south --service 1 --validity 2h --json < warning.txt`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(areas) == 0 {
				return usagef("--area: one at least is required")
			}
			text, err := a.text(args)
			if err != nil {
				return err
			}
			req := &pdu.BroadcastSM{PriorityFlag: uint8(priority)}
			if req.Source, err = o.source(); err != nil {
				return err
			}
			if req.ScheduleDeliveryTime, err = smppTime(schedule, o.connection.version); err != nil {
				return usagef("--schedule: %w", err)
			}
			if req.ValidityPeriod, err = smppTime(validity, o.connection.version); err != nil {
				return usagef("--validity: %w", err)
			}
			frequency, err := frequencyOf(every)
			if err != nil {
				return usagef("--every: %w", err)
			}
			switch {
			case repeat < 0 || repeat > math.MaxUint16:
				return usagef("--repeat %d: 0 to %d are possible", repeat, math.MaxUint16)
			case service < 0 || service > math.MaxUint16:
				return usagef("--service %d: 0 to %d are possible", service, math.MaxUint16)
			case priority < 0 || priority > 4:
				return usagef("--priority %d: 0 to 4 are possible", priority)
			}
			m, err := composeOne(text, alphabet, sms.ByPayload)
			if err != nil {
				return err
			}
			req.DataCoding = m.DataCoding
			payload, ok := pdu.TLVMessagePayload.Get(m.TLVs)
			if !ok {
				payload = m.ShortMessage
			}
			pdu.TLVMessagePayload.Set(&req.TLVs, payload)
			for _, name := range areas {
				if name == "" || len(name) > 100 {
					return usagef("--area %q: a name of 1 to 100 octets is required", name)
				}
				pdu.TLVBroadcastAreaIdentifier.Add(&req.TLVs, pdu.NamedArea(name))
			}
			pdu.TLVBroadcastContentType.Set(&req.TLVs, pdu.ContentType{Network: pdu.BroadcastGeneric, Service: pdu.BroadcastService(service)})
			pdu.TLVBroadcastRepNum.Set(&req.TLVs, uint16(repeat))
			pdu.TLVBroadcastFrequency.Set(&req.TLVs, frequency)
			return o.run(cmd, true, func(ctx context.Context, s *smpp.Session) error {
				resp, err := s.Broadcast(ctx, req)
				if err != nil {
					return err
				}
				var failed []string
				for area := range pdu.TLVBroadcastAreaIdentifier.All(resp.TLVs) {
					failed = append(failed, area.String())
				}
				if err := a.print(o.json, struct {
					MessageID string   `json:"message_id"`
					Failed    []string `json:"failed,omitempty"`
				}{resp.MessageID, failed}, resp.MessageID); err != nil {
					return err
				}
				if len(failed) > 0 {
					return fmt.Errorf("not to %s", strings.Join(failed, ", "))
				}
				return nil
			})
		},
	}
	o.add(cmd, false, false)
	fs := cmd.Flags()
	fs.StringArrayVar(&areas, "area", nil, "`name` of an area that the message center knows; may be repeated")
	fs.IntVar(&repeat, "repeat", 1, "how often it is sent; 0: as validity and --every imply (`number`)")
	fs.DurationVar(&every, "every", 0, "time between two; 0: as soon as possible (`duration`)")
	fs.IntVar(&service, "service", 0, "service of broadcast_content_type, 1 for emergencies (`number`)")
	fs.IntVar(&priority, "priority", 0, "priority_flag (`0-4`)")
	fs.StringVar(&schedule, "schedule", "", "when to begin, as in smpp send (`time`)")
	fs.StringVar(&validity, "validity", "", "when to end, as in smpp send (`time`)")
	fs.StringVar(&alphabet, "coding", "", "coding to use rather than the cheapest of gsm7 and ucs2 (`name`)")
	completeFlag(cmd, "coding", codingNames()...)
	return cmd
}

// frequencyOf writes a duration in the largest unit that is exact.
func frequencyOf(d time.Duration) (pdu.Frequency, error) {
	if d == 0 {
		return pdu.Frequency{Unit: pdu.EveryChance}, nil
	}
	for _, u := range []struct {
		unit pdu.FrequencyUnit
		long time.Duration
	}{{pdu.EveryDays, 24 * time.Hour}, {pdu.EveryHours, time.Hour}, {pdu.EveryMinutes, time.Minute}, {pdu.EverySeconds, time.Second}} {
		if d > 0 && d%u.long == 0 && d/u.long <= math.MaxUint16 {
			return pdu.Frequency{Unit: u.unit, Count: uint16(d / u.long)}, nil
		}
	}
	return pdu.Frequency{}, fmt.Errorf("%v: whole seconds, minutes, hours or days are required, at most 65535 of them", d)
}
