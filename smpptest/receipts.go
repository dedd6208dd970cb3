package smpptest

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

// receiptForm is a way in which message centers write receipts.
type receiptForm struct {
	name   string
	layout string // with the words of receiptWriter.word in braces
	err    string // what stands for err if the receipt does not say
	stat   string // the word instead of that of the receipt
	class  pdu.ESMClass
	tlvs   bool // receipted_message_id and message_state
}

// usualReceipt is the layout of SMPP v3.4, appendix B, as it is mostly written.
const usualReceipt = "id:{id} sub:{sub} dlvrd:{dlvrd} submit date:{submit10} done date:{done10} stat:{stat} err:{err} text:{text}"

func receiptForms() []receiptForm {
	const is = pdu.TypeDeliveryReceipt
	usual := func(old, replacement string) string { return strings.Replace(usualReceipt, old, replacement, 1) }
	long := strings.NewReplacer("{submit10}", "{submit12}", "{done10}", "{done12}").Replace(usualReceipt)
	return []receiptForm{
		{name: "appendix B layout", layout: usual("text:", "Text:"), class: is},
		{name: "lower case text label, empty text", layout: usual("{text}", ""), class: is},
		{name: "dates with seconds", layout: long, class: is},
		{name: "14 digit dates, no sub, dlvrd or text", layout: "id:{id} submit date:{submit14} done date:{done14} stat:{stat} err:{err}", err: "0", class: is},
		{name: "no sub and dlvrd", layout: usual("sub:{sub} dlvrd:{dlvrd} ", ""), class: is},
		{name: "text missing altogether", layout: usual(" text:{text}", ""), class: is},
		{name: "fields in another order", layout: "sub:{sub} id:{id} err:{err} dlvrd:{dlvrd} done date:{done12} submit date:{submit12} text:{text} stat:{stat}", class: is},
		{name: "upper case labels", layout: "ID:{id} SUB:{sub} DLVRD:{dlvrd} SUBMIT DATE:{submit10} DONE DATE:{done10} STAT:{stat} ERR:{err} TEXT:{text}", class: is},
		{name: "hexadecimal err", layout: usualReceipt, err: "21b", class: is},
		{name: "alphanumeric err longer than 3", layout: usualReceipt, err: "EC_012", class: is},
		{name: "four digit err", layout: usualReceipt, err: "0000", class: is},
		{name: "blank after the colons", layout: "id: {id} sub: {sub} dlvrd: {dlvrd} submit date: {submit10} done date: {done10} stat: {stat} err: {err} text: {text}", err: "0", class: is},
		{name: "label words inside the text", layout: usual("{text}", "stat:UNDELIV id:666"), class: is},
		{name: "12 digit date with four digit year", layout: "id:{id} submit date:{submityear12} done date:{doneyear12} stat:{stat} err:{err}", class: is},
		{name: "zero dates", layout: strings.NewReplacer("{submit10}", "0000000000", "{done10}", "0000000000", "{text}", "").Replace(usualReceipt), class: is},
		{name: "long state word", layout: usual("{stat}", "{statlong}"), class: is},
		{name: "lower case state word", layout: usual("{stat}", "{statlower}"), class: is},
		{name: "intermediate notification", layout: usualReceipt, stat: "ENROUTE", class: pdu.TypeIntermediateNotification},
		{name: "line break inside a label", layout: usual("done date", "done\ndate"), class: is},
		{name: "id with leading zeros", layout: usual("{id}", "{idpad16}"), class: is},
		{name: "vendor state word", layout: usualReceipt, stat: "NOROUTE", class: is},
		{name: "distribution list", layout: usualReceipt, class: is},
		{name: "comma separated, another format", layout: "00,{done10},{submit10},,{dest},8000,{id}", class: is},
		{name: "plain message that only looks a bit like a receipt", layout: "my id: is 12 and stat"},
		{name: "no usable text, TLVs only", tlvs: true, class: is},
		{name: "text and TLVs disagree: TLVs win", layout: usual("{id}", "0071204466"), stat: "UNKNOWN", tlvs: true, class: is},
		// How the id of the receipt is made of that of the response.
		{name: "same", layout: usualReceipt, class: is},
		{name: "resp_hex_receipt_dec", layout: usual("{id}", "{iddec}"), class: is},
		{name: "resp_dec_receipt_hex", layout: usual("{id}", "{idhex}"), class: is},
		{name: "padded", layout: usual("{id}", "{idpad10}"), class: is},
		{name: "case", layout: usual("{id}", "{idupper}"), class: is},
	}
}

// ReceiptForms returns the names of the forms that Receipt knows, such as "dates
// with seconds", "long state word" or "resp_hex_receipt_dec". All are met in the
// field. A reader should understand all but two of them: "comma separated,
// another format" is in no layout that is known, and "plain message that only
// looks a bit like a receipt" is no receipt.
func ReceiptForms() []string {
	forms := receiptForms()
	names := make([]string, len(forms))
	for i, f := range forms {
		names[i] = f.name
	}
	return names
}

// Receipt returns the receipt for a message as a message center of the given
// form would write it, "appendix B layout" for the one of the specification: for
// Server.Deliver, a Send of a Script, or a reader of receipts under test. r needs an ID and a Stat or a State; the form may write
// another state, id or text than r has if that is what it is about. Dates are
// written as they are. Only the forms that speak of TLVs have some. SMPP v3.4,
// appendix B.
func Receipt(form string, m *pdu.SubmitSM, r sms.Receipt) (*pdu.DeliverSM, error) {
	for _, f := range receiptForms() {
		if f.name == form {
			return f.write(m, r)
		}
	}
	return nil, fmt.Errorf("smpptest: receipt form %q: there is none; ReceiptForms lists them", form)
}

func (f receiptForm) write(m *pdu.SubmitSM, r sms.Receipt) (*pdu.DeliverSM, error) {
	if f.stat != "" {
		r.Stat = f.stat
	}
	w := receiptWriter{m: m, r: &r, otherwise: f.err}
	var b strings.Builder
	rest := f.layout
	for {
		before, after, found := strings.Cut(rest, "{")
		b.WriteString(before)
		if !found {
			break
		}
		word, tail, _ := strings.Cut(after, "}")
		v, err := w.word(word)
		if err != nil {
			return nil, fmt.Errorf("smpptest: receipt form %q: %w", f.name, err)
		}
		b.WriteString(v)
		rest = tail
	}
	d := &pdu.DeliverSM{ServiceType: m.ServiceType, Source: m.Dest, Dest: m.Source, ESMClass: f.class, ShortMessage: []byte(b.String())}
	if f.tlvs {
		pdu.TLVReceiptedMessageID.Set(&d.TLVs, r.ID)
		pdu.TLVMessageState.Set(&d.TLVs, r.State)
	}
	return d, nil
}

// A receiptWriter knows what stands for the words in a layout.
type receiptWriter struct {
	m         *pdu.SubmitSM
	r         *sms.Receipt
	otherwise string // for err
}

func (w *receiptWriter) word(name string) (string, error) {
	r := w.r
	switch name {
	case "id":
		return r.ID, nil
	case "idpad10":
		return strings.Repeat("0", max(0, 10-len(r.ID))) + r.ID, nil
	case "idpad16":
		return strings.Repeat("0", max(0, 16-len(r.ID))) + r.ID, nil
	case "idupper":
		return strings.ToUpper(r.ID), nil
	case "iddec", "idhex":
		from, to := 16, 10
		if name == "idhex" {
			from, to = 10, 16
		}
		n, ok := new(big.Int).SetString(r.ID, from)
		if !ok {
			return "", fmt.Errorf("id %q is no number in base %d", r.ID, from)
		}
		return strings.ToUpper(n.Text(to)), nil
	case "sub":
		return count(r.Submitted, 1), nil
	case "dlvrd":
		n := 0
		if r.State == pdu.StateDelivered || r.Stat == "DELIVRD" {
			n = 1
		}
		return count(r.Delivered, n), nil
	case "submit10":
		return r.SubmitDate.Format("0601021504"), nil
	case "submit12":
		return r.SubmitDate.Format("060102150405"), nil
	case "submityear12":
		return r.SubmitDate.Format("200601021504"), nil
	case "submit14":
		return r.SubmitDate.Format("20060102150405"), nil
	case "done10":
		return r.DoneDate.Format("0601021504"), nil
	case "done12":
		return r.DoneDate.Format("060102150405"), nil
	case "doneyear12":
		return r.DoneDate.Format("200601021504"), nil
	case "done14":
		return r.DoneDate.Format("20060102150405"), nil
	case "stat":
		return w.stat(), nil
	case "statlower":
		return strings.ToLower(w.stat()), nil
	case "statlong":
		switch s := w.stat(); s {
		case "DELIVRD":
			return "DELIVERED", nil
		case "UNDELIV":
			return "UNDELIVERABLE", nil
		case "ACCEPTD":
			return "ACCEPTED", nil
		case "REJECTD":
			return "REJECTED", nil
		case "SCHEDLD":
			return "SCHEDULED", nil
		default:
			return s, nil
		}
	case "err":
		switch {
		case r.Err != "":
			return r.Err, nil
		case w.otherwise != "":
			return w.otherwise, nil
		}
		return "000", nil
	case "text":
		text := []rune(r.Text)
		return string(text[:min(len(text), 20)]), nil
	case "dest":
		return w.m.Dest.Addr, nil
	}
	return "", fmt.Errorf("there is no {%s}", name)
}

func (w *receiptWriter) stat() string {
	if w.r.Stat != "" {
		return w.r.Stat
	}
	words := [...]string{"SCHEDLD", "ENROUTE", "DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "ACCEPTD", "UNKNOWN", "REJECTD", "SKIPPED"}
	if int(w.r.State) < len(words) {
		return words[w.r.State]
	}
	return "UNKNOWN"
}

func count(n *int, otherwise int) string {
	if n != nil {
		otherwise = *n
	}
	return fmt.Sprintf("%03d", otherwise)
}
