package handset

import (
	"fmt"
	"strings"
	"time"

	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/coding"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest" //nolint:depguard // a simulation writes the receipts that tests read
	"github.com/godwit-sms/smpp/sms"
)

// ReceiptForms returns the names of the forms that receipts can have, all of
// which are met in the field: those of smpptest.ReceiptForms, with hyphens
// between the words, such as dates-with-seconds or resp-hex-receipt-dec.
func ReceiptForms() []string {
	names := smpptest.ReceiptForms()
	for i, name := range names {
		names[i] = hyphened(name)
	}
	return names
}

// hyphened returns the words of a name with hyphens between them, in lower case.
func hyphened(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') })
	return strings.Join(words, "-")
}

// formOf returns the name that smpptest has for a form.
func formOf(name string) (string, error) {
	for _, form := range smpptest.ReceiptForms() {
		if hyphened(form) == name {
			return form, nil
		}
	}
	return "", fmt.Errorf("receipt form %q: %s are known", name, strings.Join(ReceiptForms(), ", "))
}

// A ReceiptWriter writes receipts; sms.Profile is one.
type ReceiptWriter interface {
	WriteReceipt(m *pdu.SubmitSM, r sms.Receipt) (*pdu.DeliverSM, error)
}

var _ ReceiptWriter = sms.Profile{}

// Receipts returns what writes receipts in the form that p says, and those that
// have no such form as base does. base also has the zone of the dates and the
// alphabet.
func (p Profile) Receipts(base sms.Profile) ReceiptWriter {
	form, err := formOf(p.Receipt)
	if err != nil {
		return base
	}
	return &formWriter{form: form, base: base}
}

type formWriter struct {
	form string
	base sms.Profile
}

func (w *formWriter) WriteReceipt(m *pdu.SubmitSM, r sms.Receipt) (*pdu.DeliverSM, error) {
	if r.Intermediate {
		return w.base.WriteReceipt(m, r) // the forms are of final receipts
	}
	zone := w.base.Zone
	if zone == nil {
		zone = time.UTC
	}
	formed := r
	formed.SubmitDate, formed.DoneDate = r.SubmitDate.In(zone), r.DoneDate.In(zone)
	if original, _ := w.base.Read(m); !r.HasText && original.Known && original.Charset != coding.Binary {
		formed.Text = strings.Map(plain, original.Text)
	}
	d, err := smpptest.Receipt(w.form, m, formed)
	if err != nil {
		return w.base.WriteReceipt(m, r) // such as an id that is no number of the base that the form takes
	}
	alphabet := w.base.Alphabet
	if alphabet == nil {
		alphabet = coding.GSM7
	}
	if d.ShortMessage, err = coding.Encode(alphabet, string(d.ShortMessage)); err != nil || len(d.ShortMessage) > 254 {
		return w.base.WriteReceipt(m, r)
	}
	return d, nil
}

// plain makes question marks of what not every alphabet has.
func plain(c rune) rune {
	if c < ' ' || c > '~' {
		return '?'
	}
	return c
}

// format returns the format of message_ids in responses.
func (p Profile) format() message.Format {
	if p.IDs == message.Hex && p.Receipt == "resp-dec-receipt-hex" {
		return message.Decimal
	}
	return p.IDs
}
