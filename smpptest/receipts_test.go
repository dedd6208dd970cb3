package smpptest_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
	"github.com/godwit-sms/smpp/sms"
)

// The forms write the very texts of the data, and a reader finds in them what
// the data says.
func TestReceiptForms(t *testing.T) {
	raw, err := os.ReadFile("../sms/testdata/receipts.json")
	if err != nil {
		t.Fatal(err)
	}
	var data struct {
		Examples []struct {
			Name, Text string
			TLVs       *struct {
				ID    string           `json:"receipted_message_id"`
				State pdu.MessageState `json:"message_state"`
			}
			Expect *struct {
				ID           string
				Sub, Dlvrd   *int
				Submit, Done string
				Stat, Err    string
				State        *pdu.MessageState
				Text         string
			}
		}
		IDs []struct {
			Name       string
			SubmitResp string `json:"submit_resp"`
			Receipt    string
		} `json:"message_id_forms"`
	}
	if err := json.Unmarshal(raw, &data); err != nil {
		t.Fatal(err)
	}
	forms := smpptest.ReceiptForms()
	if len(forms) != len(data.Examples)+len(data.IDs) {
		t.Errorf("%d forms for %d examples and %d forms of ids", len(forms), len(data.Examples), len(data.IDs))
	}
	date := func(s string) time.Time {
		if s == "" {
			return time.Time{}
		}
		d, err := time.Parse("2006-01-02T15:04:05", s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	m := &pdu.SubmitSM{Source: pdu.Alphanumeric("ACME"), Dest: pdu.International("447700900123")}
	for _, e := range data.Examples {
		t.Run(e.Name, func(t *testing.T) {
			if !slices.Contains(forms, e.Name) {
				t.Fatal("it is not among the forms")
			}
			r := sms.Receipt{ID: "zz81kq20vd7714", SubmitDate: date("2024-03-01T15:00:00"), DoneDate: date("2024-03-01T15:43:00")}
			if x := e.Expect; x != nil {
				r = sms.Receipt{ID: strings.TrimLeft(x.ID, "0"), Submitted: x.Sub, Delivered: x.Dlvrd, Stat: x.Stat, Err: x.Err, Text: x.Text,
					SubmitDate: date(x.Submit), DoneDate: date(x.Done)}
				if !strings.Contains(e.Name, "leading zeros") {
					r.ID = x.ID
				}
				if x.State != nil {
					r.State = *x.State
				}
			}
			d, err := smpptest.Receipt(e.Name, m, r)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(d.ShortMessage); got != e.Text {
				t.Errorf("text\n%q, not\n%q", got, e.Text)
			}
			if d.Source != m.Dest || d.Dest != m.Source {
				t.Errorf("from %v to %v", d.Source, d.Dest)
			}
			got, ok := sms.Profile{}.ReadReceipt(d)
			switch x := e.Expect; {
			case x == nil && ok && got.ID != "":
				t.Errorf("read as a receipt of %q", got.ID)
			case x != nil && (!ok || got.ID != x.ID || got.HasState != (x.State != nil)):
				t.Errorf("read as %+v, %t", got, ok)
			case x != nil && x.State != nil && got.State != *x.State:
				t.Errorf("state %v, not %v", got.State, *x.State)
			}
			if ok && got.Intermediate != strings.HasPrefix(e.Name, "intermediate") {
				t.Errorf("intermediate: %t", got.Intermediate)
			}
		})
	}
	for _, e := range data.IDs {
		t.Run(e.Name, func(t *testing.T) {
			if e.SubmitResp == "any" {
				e.SubmitResp, e.Receipt = "0aB1", "0aB1"
			}
			d, err := smpptest.Receipt(e.Name, m, sms.Receipt{ID: e.SubmitResp, State: pdu.StateDelivered})
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := (sms.Profile{}).ReadReceipt(d); !ok || got.ID != e.Receipt || got.State != pdu.StateDelivered {
				t.Errorf("%+v, %t; want the id %q", got, ok, e.Receipt)
			}
		})
	}
	for _, form := range []string{"", "no such form", "resp_dec_receipt_hex"} {
		if d, err := smpptest.Receipt(form, m, sms.Receipt{ID: "not a number"}); err == nil || !strings.Contains(err.Error(), form) {
			t.Errorf("form %q: %v, %v", form, d, err)
		}
	}
}
