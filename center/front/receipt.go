package front

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

// A ReceiptWriter writes receipts; sms.Profile is one.
type ReceiptWriter interface {
	WriteReceipt(m *pdu.SubmitSM, r sms.Receipt) (*pdu.DeliverSM, error)
}

// Receipts returns the function that makes the receipts of a dispatcher, as
// writer writes them: text and TLVs, as SMPP v3.4, appendix B, and v5.0 have
// them, if it is an sms.Profile. They wait as long as validity for somebody to
// take them.
func Receipts(writer ReceiptWriter, validity time.Duration, log *slog.Logger) func(*message.Message, message.Kind, time.Time) *message.Message {
	return func(m *message.Message, kind message.Kind, at time.Time) *message.Message {
		r := sms.Receipt{ID: m.MessageID(), SubmitDate: m.Submitted, DoneDate: at, State: m.State, HasState: true, Intermediate: kind == message.Notification}
		if m.Error.Type != 0 {
			r.Err = fmt.Sprintf("%03d", m.Error.Code)
			r.NetworkError = &pdu.NetworkError{Type: m.Error.Type, Code: m.Error.Code}
		}
		d, err := writer.WriteReceipt(m.Submission(), r)
		if err != nil {
			log.Error("a receipt cannot be written", "id", m.ID, "error", err)
			return nil
		}
		return &message.Message{
			Kind: kind, Group: m.Group, Account: m.Account, Origin: m.Origin,
			State: pdu.StateEnroute, Submitted: at, Expires: at.Add(validity),
			ServiceType: d.ServiceType, Source: d.Source, Dest: d.Dest, ESMClass: d.ESMClass, DataCoding: d.DataCoding, Text: d.ShortMessage, TLVs: d.TLVs,
		}
	}
}

// Alerts returns the function that makes the delivery pending flags of a
// dispatcher. They are valid as long as validity.
func Alerts(validity time.Duration) func(*message.Message, time.Time) *message.Message {
	return func(m *message.Message, at time.Time) *message.Message {
		return &message.Message{
			Kind: message.Alert, Account: m.Account, Origin: m.Origin, State: pdu.StateScheduled,
			Submitted: at, Expires: at.Add(validity), Source: m.Dest, Dest: m.Source,
		}
	}
}
