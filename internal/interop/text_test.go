package interop_test

import (
	"context"
	"encoding/hex"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/internal/interop"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

// longTexts are 1,000 characters each, and how many parts they take in the GSM alphabet or UTF-16.
var longTexts = []struct {
	name, words string
	parts       int
}{
	{"Latin", "Grüße aus der Zentrale, à demain señor. ", 7},
	{"Turkish", "Şimdi yola çıkıyorum, ığdır'da güneşli bir gün. ", 15},
	{"Hindi", "नमस्ते दुनिया यह एक लंबा संदेश है ", 15},
	{"Russian", "Привет мир, это длинное сообщение. ", 15},
	{"Chinese", "你好，世界。这是一条很长的短信，分成几个部分。", 15},
	{"emoji", "😀🎉👍🏽👨‍👩‍👧🇩🇪☃️", 0},
}

// A long text arrives at node-smpp part by part as it was, and from it joined.
func TestLongTexts(t *testing.T) {
	eachWay(t, func(t *testing.T, serverOptions, _ interop.Options) {
		st := newStation()
		p, s := ours(t, longEnough(serverOptions), &smpp.Config{Handler: st})
		for _, c := range longTexts {
			t.Run(c.name, func(t *testing.T) {
				all := []rune(strings.Repeat(c.words, 1+1000/utf8.RuneCountInString(c.words)))
				text := string(all[:1000])
				parts, err := sms.Profile{}.Compose(&pdu.SubmitSM{Source: pdu.Alphanumeric("ACME"), Dest: mobile}, text, nil)
				if err != nil || c.parts > 0 && len(parts) != c.parts {
					t.Fatalf("%d parts, %v, want %d", len(parts), err, c.parts)
				}
				var read strings.Builder
				for _, part := range parts {
					if _, err := s.Submit(t.Context(), part); err != nil {
						t.Fatal(err)
					}
					event := p.Expect(interop.PDU("submit_sm"), interop.Timeout)
					fields, _ := event["fields"].(map[string]any)
					content, _ := fields["short_message"].(map[string]any)
					piece, _ := content["message"].(string)
					read.WriteString(piece)
				}
				if read.String() != text {
					t.Errorf("node-smpp read %q, want %q", read.String(), text)
				}

				st.answer(pdu.IDDeliverSM, pdu.StatusOK, nil)
				var j sms.Joiner
				for i := len(parts) - 1; i >= 0; i-- { // node-smpp does not split: it encodes the parts
					d, _ := sms.UserData(parts[i])
					header, err := d.Header.Append(nil)
					if err != nil {
						t.Fatal(err)
					}
					p.SendPDU("deliver_sm", m{"source_addr": "491701234567", "destination_addr": "8080", "esm_class": 0x40, "data_coding": int(d.DataCoding),
						"short_message": m{"udh": octetsOf(hex.EncodeToString(header)), "message": sms.Text(parts[i])}})
					whole, err := j.Add(context.Background(), time.Now(), st.next(t, pdu.IDDeliverSM).Body)
					if err != nil || (whole != nil) != (i == 0) || whole != nil && whole.Text != text {
						t.Fatalf("part %d: joined to %+v, %v", i+1, whole, err)
					}
				}
			})
		}
	})
}
