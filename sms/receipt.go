package sms

import (
	"bytes"
	"strings"
	"time"

	"github.com/godwit-sms/smpp/coding"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// A Receipt tells what became of a message: a delivery receipt, or an intermediate notification on its way. All but
// Raw may be missing. SMPP v3.4, appendix B; v5.0, 4.3.5.
type Receipt struct {
	// Source and Dest are the addresses of the message: its sender, which gets the receipt, and its recipient. They are
	// those of the PDU swapped, alias it, and are zero for a text alone. WriteReceipt takes those of the message.
	Source, Dest pdu.Address

	// ID is the message id of the submission, as the receipt writes it; see MessageIDRule. Empty if it has none.
	ID string

	Submitted *int // messages submitted and delivered, for distribution lists; nil if the receipt does not say
	Delivered *int

	SubmitDate time.Time // zero if the receipt has none that makes sense
	DoneDate   time.Time // of the state

	// State is the state of the message, if HasState: by the TLV, else by Stat. A word without a meaning leaves it unset.
	State    pdu.MessageState
	HasState bool
	Stat     string // the word of the text, such as DELIVRD, as it was written; empty if there is none

	Err          string            // the err field of the text: 1 to 8 characters, decimal, hexadecimal or a word; empty if there is none
	NetworkError *pdu.NetworkError // the TLV, which beats Err; nil if there is none

	Text    string // the beginning of the message, if HasText
	HasText bool

	Intermediate bool // an intermediate notification: the message is still on its way

	Unknown []Field // other labels of the text, in order
	Raw     string  // the text as a whole; empty for a receipt in TLVs alone
}

// A Field is a label and a value in the text of a receipt.
type Field struct{ Label, Value string }

// Final reports whether the receipt tells a state that the message does not leave.
func (r *Receipt) Final() bool { return !r.Intermediate && r.HasState && r.State.Final() }

// ParseReceipt reads the text of a receipt in the layout of SMPP v3.4, appendix B, with all the variations of case, order
// and white space that are met; see [Profile.ReadReceipt] for a receipt in a PDU. zone is that of the dates, nil for UTC.
// ok is false if the text is not in this layout: id and stat are needed, all else may be missing.
//
// Dates have 10 digits (YYMMDDhhmm), 12 (YYMMDDhhmmss, or YYYYMMDDhhmm if that is none) or 14 (YYYYMMDDhhmmss); years 38
// to 99 are 19xx. Others, and zeros, are no date.
func ParseReceipt(text string, zone *time.Location) (r *Receipt, ok bool) {
	r = new(Receipt)
	if p := (receiptParser{r: r, zone: zone}); !p.parse(text) {
		return nil, false
	}
	r.Raw = text
	return r, true
}

// ReadReceipt returns the receipt that a deliver_sm or data_sm carries; ok is false if it carries none.
//
// What esm_class says decides. If it says nothing of the kind, a receipted_message_id and a message_state together make a
// receipt, and so does a text in the layout of receipts if ReceiptText of the Profile is set. The TLVs receipted_message_id and
// message_state beat id and stat of the text. A text that makes no sense in the character set of data_coding, as it is in
// ASCII or UTF-16 in truth, is read all the same. A receipt in an unknown layout has little more than Raw, so look at ID
// before you use it.
func (p Profile) ReadReceipt(b pdu.Body) (r *Receipt, ok bool) {
	var options tlv.List
	var source, dest pdu.Address
	switch m := b.(type) {
	case *pdu.DeliverSM:
		if m == nil {
			return nil, false
		}
		options, source, dest = m.TLVs, m.Source, m.Dest
	case *pdu.DataSM:
		if m == nil {
			return nil, false
		}
		options, source, dest = m.TLVs, m.Source, m.Dest
	default:
		return nil, false
	}
	d, _ := UserData(b)
	id, hasID := pdu.TLVReceiptedMessageID.Get(options)
	state, hasState := pdu.TLVMessageState.Get(options)
	is := d.ESMClass.IsReceipt()
	switch d.ESMClass.Type() {
	case pdu.TypeDeliveryAcknowledgement, pdu.TypeUserAcknowledgement, pdu.TypeConversationAbort:
		return nil, false
	}
	if !is && hasID && id != "" && hasState {
		is = true
	}
	if !is && !p.ReceiptText {
		return nil, false
	}
	r, complete := p.receiptText(d)
	if !is && !complete {
		return nil, false
	}
	r.Source, r.Dest = dest, source
	if hasID && id != "" {
		r.ID = strings.Clone(id)
	}
	if hasState && (state <= pdu.StateSkipped || !r.HasState) {
		r.State, r.HasState = state, true
	}
	if e, ok := pdu.TLVNetworkErrorCode.Get(options); ok {
		r.NetworkError = &e
	}
	r.Intermediate = d.ESMClass.Type() == pdu.TypeIntermediateNotification
	return r, true
}

// receiptText reads the text of a receipt; complete tells whether it is in the usual layout.
func (p Profile) receiptText(d Data) (r *Receipt, complete bool) {
	cs, _ := p.charset(d.DataCoding, d.Header)
	if r, complete = p.receiptIn(cs, d.Octets); complete {
		return r, true
	}
	// Some announce another character set than they write.
	try := func(cs coding.Charset, octets []byte) bool {
		o, full := p.receiptIn(cs, octets)
		if !full && (o.ID == "" || r.ID != "") {
			return false
		}
		r, complete = o, full
		return true
	}
	octets := d.Octets
	g, packed, isGSM := gsm(cs)
	switch {
	case packed && try(g, octets):
	case (isGSM || cs == coding.UTF16) && try(coding.Latin1, octets): // with tabs that are no letters
	case len(octets) < 2:
	case octets[0] == 0 && cs != coding.UTF16:
		try(coding.UTF16, octets)
	case octets[1] == 0 || octets[0] == 0xFF && octets[1] == 0xFE: // the low octet first
		swapped := bytes.Clone(octets[:len(octets)&^1])
		for i := 0; i < len(swapped); i += 2 {
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
		}
		try(coding.UTF16, swapped)
	}
	return r, complete
}

// receiptIn reads the text of a receipt in a character set.
func (p Profile) receiptIn(cs coding.Charset, octets []byte) (r *Receipt, complete bool) {
	r = new(Receipt)
	parser := receiptParser{r: r, zone: p.Zone, words: p.StatWords}
	switch _, isGSM := cs.(coding.GSM); {
	case isGSM:
		for len(octets) > 0 && octets[len(octets)-1] == 0 {
			octets = octets[:len(octets)-1] // the NUL of a C string, which is an @ here
		}
		// Many write ASCII whatever they announce, and the alphabets differ in a few characters that ids have: the
		// underscore is a section sign. So the octets are what is parsed, and only the text is in the alphabet for sure.
		parser.gsm = true
		parser.value = func(s string, isText bool) string {
			if !isText && isASCII(s) {
				return s
			}
			return coding.Decode(cs, []byte(s))
		}
		r.Raw = coding.Decode(cs, octets)
		return r, parser.parse(string(octets))
	case cs == coding.UTF16 && len(octets)%2 != 0 && octets[len(octets)-1] == 0:
		octets = octets[:len(octets)-1] // likewise
	}
	r.Raw = strings.TrimRight(coding.Decode(cs, octets), "\x00")
	return r, parser.parse(strings.TrimPrefix(r.Raw, "\uFEFF"))
}

// isASCII reports whether s has no octets but those of printable ASCII.
func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7E {
			return false
		}
	}
	return true
}

// A label of a receipt.
type label uint8

const (
	labelNone label = iota
	labelID
	labelSub
	labelDlvrd
	labelSubmitDate
	labelDoneDate
	labelStat
	labelErr
	labelText
	labelUnknown
)

// A receiptParser fills in a Receipt.
type receiptParser struct {
	r     *Receipt
	zone  *time.Location
	words map[string]pdu.MessageState

	gsm bool // what is parsed is octets of a GSM alphabet, where controls but CR and LF are letters

	// value turns a piece of what is parsed into text, isText if it is of the message; nil if it is text already.
	value func(s string, isText bool) string

	seen [labelUnknown]bool
}

// parse reads s and reports whether id and stat are there. If they are not, what was found is kept all the same.
func (p *receiptParser) parse(s string) (complete bool) {
	at, l, name := 0, labelNone, ""
	for at < len(s) && l == labelNone { // what stands in front of the first label is of no use
		var n int
		l, name, n = p.labelAt(s, at)
		at += max(n, 1)
	}
	for l != labelNone {
		if l == labelText && p.r.ID != "" && p.r.Stat != "" {
			p.set(l, name, s[at:])
			break
		}
		// The value runs to the next label; that of text only to one that is known, and so does an id that begins like a label.
		end := at
		next, nextName, n := labelNone, "", 0
		for ; end < len(s); end++ {
			next, nextName, n = p.labelAt(s, end)
			if next == labelUnknown && (l == labelText || l == labelID && p.trim(s[at:end]) == "") {
				next = labelNone
			}
			if next != labelNone {
				break
			}
		}
		p.set(l, name, s[at:end])
		at, l, name = end+n, next, nextName
	}
	if complete = p.r.ID != "" && p.r.Stat != ""; !complete && strings.ContainsAny(p.r.ID, space) {
		p.r.ID = "" // prose
	}
	return complete
}

const space = " \t\r\n\v\f"

func (p *receiptParser) isSpace(c byte) bool {
	return c == ' ' || c == '\r' || c == '\n' || !p.gsm && '\t' <= c && c <= '\f'
}

func (p *receiptParser) trim(s string) string {
	for s != "" && p.isSpace(s[0]) {
		s = s[1:]
	}
	for s != "" && p.isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// labelAt returns the label that stands in s at an octet, and how many octets it takes with its colon.
func (p *receiptParser) labelAt(s string, at int) (l label, name string, n int) {
	if at > 0 && !p.isSpace(s[at-1]) {
		return labelNone, "", 0
	}
	s = s[at:]
	if s == "" || !isLetter(s[0]) {
		return labelNone, "", 0
	}
	const most = 32 // octets of an unknown label
	for n = 1; n < len(s) && n < most && isLabel(s[n]); n++ {
	}
	word := s[:n]
	if n < len(s) && s[n] == ':' {
		return labelOf(word), word, n + 1
	}
	// Two words, with blanks or an underscore between; the underscore is a section sign in the GSM alphabet, code 0x11.
	var first string
	switch {
	case len(word) >= 6 && strings.EqualFold(word[:6], "submit"):
		l, first = labelSubmitDate, word[:6]
	case len(word) >= 4 && strings.EqualFold(word[:4], "done"):
		l, first = labelDoneDate, word[:4]
	default:
		return labelNone, "", 0
	}
	n = len(first)
	switch {
	case p.gsm && n < len(s) && s[n] == 0x11:
		n++
	default:
		for n < len(s) && p.isSpace(s[n]) {
			n++
		}
	}
	if n == len(first) || len(s)-n < 5 || !strings.EqualFold(s[n:n+4], "date") || s[n+4] != ':' {
		return labelNone, "", 0
	}
	return l, s[:n+4], n + 5
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isLabel(c byte) bool {
	return isLetter(c) || '0' <= c && c <= '9' || c == '_' || c == '-' || c == '.'
}

func labelOf(word string) label {
	switch {
	case strings.EqualFold(word, "id"):
		return labelID
	case strings.EqualFold(word, "sub"):
		return labelSub
	case strings.EqualFold(word, "dlvrd"):
		return labelDlvrd
	case strings.EqualFold(word, "submit_date"):
		return labelSubmitDate
	case strings.EqualFold(word, "done_date"):
		return labelDoneDate
	case strings.EqualFold(word, "stat"):
		return labelStat
	case strings.EqualFold(word, "err"):
		return labelErr
	case strings.EqualFold(word, "text"):
		return labelText
	}
	return labelUnknown
}

// set keeps a value. The first of a repeated label counts.
func (p *receiptParser) set(l label, name, value string) {
	value = p.trim(value)
	if p.value != nil {
		value = strings.Trim(p.value(value, l == labelText), space)
	}
	if l == labelUnknown {
		p.r.Unknown = append(p.r.Unknown, Field{name, value})
		return
	}
	if p.seen[l] {
		return
	}
	p.seen[l] = true
	switch l {
	case labelID:
		p.r.ID = value
	case labelSub:
		p.r.Submitted = parseCount(value)
	case labelDlvrd:
		p.r.Delivered = parseCount(value)
	case labelSubmitDate:
		p.r.SubmitDate = parseReceiptDate(value, p.zone)
	case labelDoneDate:
		p.r.DoneDate = parseReceiptDate(value, p.zone)
	case labelStat:
		p.r.Stat = value
		p.r.State, p.r.HasState = p.state(value)
	case labelErr:
		p.r.Err = value
	case labelText:
		p.r.Text, p.r.HasText = value, true
	}
}

// state returns the message_state of a word.
func (p *receiptParser) state(word string) (pdu.MessageState, bool) {
	const longest = 32
	if len(word) > longest {
		return 0, false
	}
	upper := strings.ToUpper(word)
	if s, ok := p.words[upper]; ok {
		return s, true
	}
	switch upper {
	case "SCHEDLD", "SCHEDULED":
		return pdu.StateScheduled, true
	case "ENROUTE":
		return pdu.StateEnroute, true
	case "DELIVRD", "DELIVERED", "DELIVERD":
		return pdu.StateDelivered, true
	case "EXPIRED":
		return pdu.StateExpired, true
	case "DELETED":
		return pdu.StateDeleted, true
	case "UNDELIV", "UNDELIVERABLE", "UNDELIVERED":
		return pdu.StateUndeliverable, true
	case "ACCEPTD", "ACCEPTED":
		return pdu.StateAccepted, true
	case "UNKNOWN":
		return pdu.StateUnknown, true
	case "REJECTD", "REJECTED":
		return pdu.StateRejected, true
	case "SKIPPED":
		return pdu.StateSkipped, true
	}
	return 0, false
}

// parseCount returns a count, nil if there is none.
func parseCount(s string) *int {
	if len(s) > 9 {
		return nil
	}
	n, ok := digits(s)
	if !ok {
		return nil
	}
	return &n
}

func digits(s string) (n int, ok bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, s != ""
}

// parseReceiptDate returns the date, zero if there is none.
func parseReceiptDate(s string, zone *time.Location) time.Time {
	if zone == nil {
		zone = time.UTC
	}
	switch len(s) {
	case 10:
		return receiptDate(shortYear(s), s[2:], zone)
	case 12:
		if t := receiptDate(shortYear(s), s[2:], zone); !t.IsZero() {
			return t
		}
		return receiptDate(longYear(s), s[4:], zone)
	case 14:
		return receiptDate(longYear(s), s[4:], zone)
	}
	return time.Time{}
}

func longYear(s string) int {
	if y, ok := digits(s[:4]); ok && y > 0 {
		return y
	}
	return -1
}

func shortYear(s string) int {
	switch y, ok := digits(s[:2]); {
	case !ok:
		return -1
	case y >= pdu.DefaultPivot:
		return 1900 + y
	default:
		return 2000 + y
	}
}

// receiptDate returns the date of a year and MMDDhhmm or MMDDhhmmss, zero if that is none.
func receiptDate(year int, s string, zone *time.Location) time.Time {
	var f [5]int
	for i := 0; 2*i < len(s); i++ {
		n, ok := digits(s[2*i : 2*i+2])
		if !ok {
			return time.Time{}
		}
		f[i] = n
	}
	if year < 0 || f[0] < 1 || f[0] > 12 || f[2] > 23 || f[3] > 59 || f[4] > 59 {
		return time.Time{}
	}
	if day := time.Date(year, time.Month(f[0]), f[1], 0, 0, 0, 0, time.UTC); day.Day() != f[1] {
		return time.Time{}
	}
	return time.Date(year, time.Month(f[0]), f[1], f[2], f[3], f[4], 0, zone)
}
