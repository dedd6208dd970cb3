package sms_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/godwit-sms/smpp/coding"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
	"github.com/godwit-sms/smpp/tlv"
)

type receiptFile struct {
	StatWords struct {
		Standard  map[string]pdu.MessageState
		DeFacto   map[string]pdu.MessageState `json:"de_facto"`
		LongForms map[string]pdu.MessageState `json:"long_forms"`
		Final     []string
	} `json:"stat_words"`
	MessageIDForms []struct {
		Name       string
		SubmitResp string `json:"submit_resp"`
		Receipt    string
	} `json:"message_id_forms"`
	Examples []struct {
		Name string
		Text string
		TLVs *struct {
			ReceiptedMessageID string           `json:"receipted_message_id"`
			MessageState       pdu.MessageState `json:"message_state"`
		}
		Expect *struct {
			ID           string
			Sub, Dlvrd   *int
			Submit, Done *string
			Stat         *string
			State        *pdu.MessageState
			Err, Text    *string
		}
	}
}

// checkReceipt compares a receipt with what an example expects.
func checkReceipt(t *testing.T, r *sms.Receipt, file receiptFile, i int, zone *time.Location) {
	t.Helper()
	want := file.Examples[i].Expect
	check := func(field string, got, want any) {
		t.Helper()
		if got != want {
			t.Errorf("%s is %v, want %v", field, got, want)
		}
	}
	show := func(p any) string {
		if v := reflect.ValueOf(p); !v.IsNil() {
			return fmt.Sprint(v.Elem())
		}
		return "null"
	}
	date := func(d time.Time) string {
		if d.IsZero() {
			return "null"
		}
		if d.Location() != zone {
			t.Errorf("zone %v", d.Location())
		}
		return d.Format("2006-01-02T15:04:05")
	}
	text := func(s string, has bool) string {
		if !has {
			return "null"
		}
		return s
	}
	check("id", r.ID, want.ID)
	check("sub", show(r.Submitted), show(want.Sub))
	check("dlvrd", show(r.Delivered), show(want.Dlvrd))
	check("submit", date(r.SubmitDate), show(want.Submit))
	check("done", date(r.DoneDate), show(want.Done))
	check("stat", text(r.Stat, r.Stat != ""), show(want.Stat))
	check("has state", r.HasState, want.State != nil)
	if r.HasState && want.State != nil {
		check("state", r.State, *want.State)
	}
	check("err", text(r.Err, r.Err != ""), show(want.Err))
	check("text", text(r.Text, r.HasText), show(want.Text))
	check("raw", r.Raw, file.Examples[i].Text)
	check("unknown", len(r.Unknown), 0)
}

func TestReceiptExamples(t *testing.T) {
	file := readJSON[receiptFile](t, "receipts.json")
	zone := time.FixedZone("mc", 3*3600)
	if len(file.Examples) < 26 {
		t.Fatalf("%d examples", len(file.Examples))
	}
	for i, c := range file.Examples {
		t.Run(c.Name, func(t *testing.T) {
			if c.TLVs == nil {
				r, ok := sms.ParseReceipt(c.Text, zone)
				if ok != (c.Expect != nil) || ok != (r != nil) {
					t.Fatalf("%+v, %t", r, ok)
				}
				if ok {
					checkReceipt(t, r, file, i, zone)
				}
			}
			// The same in PDUs, in each of the ways to write it.
			for _, form := range []struct {
				name string
				cs   coding.Charset
				dc   pdu.DataCoding
			}{{"GSM", coding.GSM7, 0}, {"ASCII", coding.ASCII, 1}, {"Latin 1", coding.Latin1, 3}, {"UCS2", coding.UTF16, 8}} {
				t.Run(form.name, func(t *testing.T) {
					octets, err := coding.Encode(form.cs, c.Text)
					if err != nil {
						t.Fatal(err)
					}
					d := &pdu.DeliverSM{ESMClass: pdu.TypeDeliveryReceipt, DataCoding: form.dc, ShortMessage: octets}
					m := &pdu.DataSM{ESMClass: pdu.TypeIntermediateNotification, DataCoding: form.dc}
					pdu.TLVMessagePayload.Set(&m.TLVs, octets)
					if len(octets) > 254 {
						d.ShortMessage = nil
						pdu.TLVMessagePayload.Set(&d.TLVs, octets)
					}
					for _, l := range []*tlv.List{&d.TLVs, &m.TLVs} {
						if c.TLVs != nil {
							l.Add(pdu.TLVReceiptedMessageID.Tag(), []byte(c.TLVs.ReceiptedMessageID)) // without its NUL
							pdu.TLVMessageState.Set(l, c.TLVs.MessageState)
						}
					}
					for _, b := range []pdu.Body{d, m} {
						r, ok := sms.Profile{Zone: zone}.ReadReceipt(overTheWire(t, b))
						if !ok {
							t.Fatal("esm_class says that it is a receipt")
						}
						if r.Intermediate != (b == m) {
							t.Errorf("intermediate %t", r.Intermediate)
						}
						if c.Expect != nil {
							checkReceipt(t, r, file, i, zone)
						} else if r.ID != "" || r.HasState || r.Raw != c.Text {
							t.Errorf("another layout: %+v", r)
						}
					}
				})
			}
		})
	}
}

func TestReceiptWords(t *testing.T) {
	words := readJSON[receiptFile](t, "receipts.json").StatWords
	for _, list := range []map[string]pdu.MessageState{words.Standard, words.DeFacto, words.LongForms} {
		for word, state := range list {
			for _, w := range []string{word, strings.ToLower(word)} {
				r, ok := sms.ParseReceipt("id:1 stat:"+w, nil)
				if !ok || !r.HasState || r.State != state || r.Stat != w {
					t.Errorf("%s: %+v", w, r)
				}
			}
		}
	}
	for _, word := range words.Final {
		if r, _ := sms.ParseReceipt("id:1 stat:"+word, nil); !r.Final() {
			t.Errorf("%s is not final", word)
		}
	}
	for _, word := range []string{"ENROUTE", "SCHEDLD", "UNKNOWN", "NOROUTE"} {
		if r, _ := sms.ParseReceipt("id:1 stat:"+word, nil); r.Final() {
			t.Errorf("%s is final", word)
		}
	}
	p := sms.Profile{ReceiptText: true, StatWords: map[string]pdu.MessageState{"NOROUTE": pdu.StateUndeliverable}}
	r, ok := p.ReadReceipt(&pdu.DeliverSM{ShortMessage: []byte("id:1 stat:noroute")})
	if !ok || r.State != pdu.StateUndeliverable || !r.Final() {
		t.Errorf("own word: %+v", r)
	}
}

func TestReceiptDates(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"2403011230", "2024-03-01T12:30:00"},
		{"3712312359", "2037-12-31T23:59:00"},
		{"3801010000", "1938-01-01T00:00:00"},
		{"240301123011", "2024-03-01T12:30:11"},
		{"202403011230", "2024-03-01T12:30:00"},
		{"200103011230", "2020-01-03T01:12:30"}, // both are dates, the first form counts
		{"20240301123011", "2024-03-01T12:30:11"},
		{"0000000000", ""},
		{"000000000000", ""},
		{"00000000000000", ""},
		{"0", ""},
		{"", ""},
		{"2402301230", ""}, // 30 February
		{"2403012430", ""},
		{"2403011260", ""},
		{"2413011230", ""},
		{"24030112300", ""},
		{"240301123x", ""},
		{"2024-03-01", ""},
	} {
		r, ok := sms.ParseReceipt("id:1 stat:DELIVRD submit date:"+c.text+" done date:"+c.text, nil)
		if !ok {
			t.Errorf("%s: no receipt", c.text)
			continue
		}
		got := ""
		if !r.DoneDate.IsZero() {
			got = r.DoneDate.Format("2006-01-02T15:04:05")
		}
		if got != c.want || !r.SubmitDate.Equal(r.DoneDate) {
			t.Errorf("%s: %s, want %s", c.text, got, c.want)
		}
	}
}

func TestParseReceipt(t *testing.T) {
	for _, c := range []struct {
		name, text string
		ok         bool
		want       sms.Receipt
	}{
		{"bare", "id:1 stat:DELIVRD", true, sms.Receipt{ID: "1", Stat: "DELIVRD", State: 2, HasState: true}},
		{"empty", "", false, sms.Receipt{}},
		{"no stat", "id:1 sub:001 err:000", false, sms.Receipt{}},
		{"no id", "sub:001 stat:DELIVRD", false, sms.Receipt{}},
		{"empty id", "id: stat:DELIVRD", false, sms.Receipt{}},
		{"first of a repeated label", "id:1 id:2 stat:DELIVRD stat:EXPIRED", true, sms.Receipt{ID: "1", Stat: "DELIVRD", State: 2, HasState: true}},
		{"underscore", "id:1 stat:DELIVRD submit_date:2403011230", true, sms.Receipt{ID: "1", Stat: "DELIVRD", State: 2, HasState: true, SubmitDate: time.Date(2024, 3, 1, 12, 30, 0, 0, time.UTC)}},
		{"CRLF", "id:1\r\nstat:DELIVRD\r\nDONE \r\n date:2403011230\r\n", true, sms.Receipt{ID: "1", Stat: "DELIVRD", State: 2, HasState: true, DoneDate: time.Date(2024, 3, 1, 12, 30, 0, 0, time.UTC)}},
		{"prefix", "Receipt id:1 stat:DELIVRD", true, sms.Receipt{ID: "1", Stat: "DELIVRD", State: 2, HasState: true}},
		{"label inside a word", "id:xid:1 stat:DELIVRD", true, sms.Receipt{ID: "xid:1", Stat: "DELIVRD", State: 2, HasState: true}},
		{"id that begins like a label", "id: node-1:17 stat:DELIVRD", true, sms.Receipt{ID: "node-1:17", Stat: "DELIVRD", State: 2, HasState: true}},
		{"no id in front of a label", "id: sub:001 stat:DELIVRD", false, sms.Receipt{}},
		{"unknown labels", "id:1 mccmnc:26201 stat:DELIVRD price:0.01 EUR err:0", true, sms.Receipt{ID: "1", Stat: "DELIVRD", State: 2, HasState: true, Err: "0",
			Unknown: []sms.Field{{Label: "mccmnc", Value: "26201"}, {Label: "price", Value: "0.01 EUR"}}}},
		{"text before id ends at a label that is known", "text:see note: ok id:1 stat:DELIVRD", true, sms.Receipt{ID: "1", Stat: "DELIVRD", State: 2, HasState: true, Text: "see note: ok", HasText: true}},
		{"text takes all", "id:1 stat:DELIVRD text:a: b err:1 \n", true, sms.Receipt{ID: "1", Stat: "DELIVRD", State: 2, HasState: true, Text: "a: b err:1", HasText: true}},
		{"counts that are none", "id:1 sub:x dlvrd:-1 stat:DELIVRD", true, sms.Receipt{ID: "1", Stat: "DELIVRD", State: 2, HasState: true}},
		{"huge count", "id:1 sub:99999999999999999999 dlvrd:7 stat:DELIVRD", true, sms.Receipt{ID: "1", Stat: "DELIVRD", State: 2, HasState: true, Delivered: new(7)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, ok := sms.ParseReceipt(c.text, nil)
			if ok != c.ok {
				t.Fatalf("%+v, %t", r, ok)
			}
			if !ok {
				return
			}
			c.want.Raw = c.text
			if !reflect.DeepEqual(*r, c.want) {
				t.Errorf("%+v\nwant %+v", *r, c.want)
			}
		})
	}
}

func TestReadReceipt(t *testing.T) {
	const text = "id:1 stat:DELIVRD text:hi"
	id, state := pdu.TLVReceiptedMessageID.Option("tlv"), pdu.TLVMessageState.Option(pdu.StateExpired)
	encode := func(cs coding.Charset, text string) []byte {
		octets, err := coding.Encode(cs, text)
		if err != nil {
			t.Fatal(err)
		}
		return octets
	}
	utf16 := func(text string) []byte { return encode(coding.UTF16, text) }
	packed := encode(coding.Packed{}, text)
	for _, c := range []struct {
		name    string
		profile sms.Profile
		body    pdu.Body
		ok      bool
		id      string
		state   int // -1: none
	}{
		{"P5 a message that looks like one", sms.Profile{}, &pdu.DeliverSM{ShortMessage: []byte(text)}, false, "", 0},
		{"by text, where allowed", sms.Profile{ReceiptText: true}, &pdu.DeliverSM{ShortMessage: []byte(text)}, true, "1", 2},
		{"by text, but it is none", sms.Profile{ReceiptText: true}, &pdu.DeliverSM{ShortMessage: []byte("my id: is 12 and stat")}, false, "", 0},
		{"by both TLVs", sms.Profile{}, &pdu.DeliverSM{ShortMessage: []byte(text), TLVs: tlv.List{id, state}}, true, "tlv", 3},
		{"one TLV is not enough", sms.Profile{}, &pdu.DeliverSM{ShortMessage: []byte(text), TLVs: tlv.List{id}}, false, "", 0},
		{"SME acknowledgement", sms.Profile{ReceiptText: true}, &pdu.DeliverSM{ESMClass: 0x08, ShortMessage: []byte(text), TLVs: tlv.List{id, state}}, false, "", 0},
		{"user acknowledgement", sms.Profile{ReceiptText: true}, &pdu.DeliverSM{ESMClass: 0x10, ShortMessage: []byte(text)}, false, "", 0},
		{"mode bits", sms.Profile{}, &pdu.DeliverSM{ESMClass: 0x07, ShortMessage: []byte(text)}, true, "1", 2},
		{"reserved type 0x24", sms.Profile{}, &pdu.DeliverSM{ESMClass: 0x24, ShortMessage: []byte(text)}, false, "", 0},
		{"TLV id beats the text", sms.Profile{}, &pdu.DeliverSM{ESMClass: 4, ShortMessage: []byte(text), TLVs: tlv.List{id}}, true, "tlv", 2},
		{"TLV state beats the text", sms.Profile{}, &pdu.DeliverSM{ESMClass: 4, ShortMessage: []byte(text), TLVs: tlv.List{state}}, true, "1", 3},
		{"empty TLV id", sms.Profile{}, &pdu.DeliverSM{ESMClass: 4, ShortMessage: []byte(text), TLVs: tlv.List{pdu.TLVReceiptedMessageID.Option("")}}, true, "1", 2},
		{"reserved TLV state", sms.Profile{}, &pdu.DeliverSM{ESMClass: 4, ShortMessage: []byte(text), TLVs: tlv.List{pdu.TLVMessageState.Option(pdu.MessageState(99))}}, true, "1", 2},
		{"malformed TLV state", sms.Profile{}, &pdu.DeliverSM{ESMClass: 4, ShortMessage: []byte(text), TLVs: tlv.List{{Tag: 0x0427, Value: []byte{1, 2}}}}, true, "1", 2},
		{"P3 no stat, state by TLV", sms.Profile{}, &pdu.DeliverSM{ESMClass: 4, ShortMessage: []byte("id:1 status:gone"), TLVs: tlv.List{state}}, true, "1", 3},
		{"prose", sms.Profile{}, &pdu.DeliverSM{ESMClass: 4, ShortMessage: []byte("my id: is 12 and stat")}, true, "", -1},
		{"header", sms.Profile{}, &pdu.DeliverSM{ESMClass: 0x44, ShortMessage: []byte("\x05\x00\x03\x01\x01\x01" + text)}, true, "1", 2},
		{"P9 ASCII announced as UCS2", sms.Profile{}, &pdu.DeliverSM{ESMClass: 4, DataCoding: 8, ShortMessage: []byte(text)}, true, "1", 2},
		{"P9 ASCII announced as UCS2, without stat", sms.Profile{}, &pdu.DeliverSM{ESMClass: 4, DataCoding: 8, ShortMessage: []byte("id:1 status:gone"), TLVs: tlv.List{state}}, true, "1", 3},
		{"P9 UCS2 announced as default", sms.Profile{}, &pdu.DeliverSM{ESMClass: 4, ShortMessage: []byte("\x00i\x00d\x00:\x001\x00 \x00s\x00t\x00a\x00t\x00:\x00D\x00E\x00L\x00I\x00V\x00R\x00D")}, true, "1", 2},
		{"underscore of ASCII", sms.Profile{}, &pdu.DeliverSM{ESMClass: 4, ShortMessage: []byte("id:a_b done_date:2403011230 stat:DELIVRD")}, true, "a_b", 2},
		{"underscore of GSM", sms.Profile{}, &pdu.DeliverSM{ESMClass: 4, ShortMessage: []byte("id:a\x11b done\x11date:2403011230 stat:DELIVRD")}, true, "a_b", 2},
		{"NUL at the end", sms.Profile{}, &pdu.DeliverSM{ESMClass: 4, ShortMessage: []byte("id:1 stat:DELIVRD\x00")}, true, "1", 2},
		{"NUL at the end of Latin 1", sms.Profile{}, &pdu.DeliverSM{ESMClass: 4, DataCoding: 3, ShortMessage: []byte("id:1 stat:DELIVRD\x00")}, true, "1", 2},
		{"NUL at the end of octets", sms.Profile{}, &pdu.DeliverSM{ESMClass: 4, DataCoding: 0xF5, ShortMessage: []byte("id:1 stat:DELIVRD\x00")}, true, "1", 2},
		{"NUL at the end of UCS2", sms.Profile{}, &pdu.DeliverSM{ESMClass: 4, DataCoding: 8, ShortMessage: utf16("id:1 stat:DELIVRD\x00")}, true, "1", 2},
		{"NUL octet at the end of UCS2", sms.Profile{}, &pdu.DeliverSM{ESMClass: 4, DataCoding: 8, ShortMessage: append(utf16("id:1 stat:DELIVRD"), 0)}, true, "1", 2},
		{"NUL octet at the end of UCS2 announced as default", sms.Profile{}, &pdu.DeliverSM{ESMClass: 4, ShortMessage: append(utf16("id:1 stat:DELIVRD"), 0)}, true, "1", 2},
		{"P9 byte order mark", sms.Profile{}, &pdu.DeliverSM{ESMClass: 4, DataCoding: 8, ShortMessage: utf16("\uFEFFid:1 stat:DELIVRD")}, true, "1", 2},
		{"P9 low octet first", sms.Profile{}, &pdu.DeliverSM{ESMClass: 4, DataCoding: 8, ShortMessage: utf16("id:1 stat:DELIVRD ")[1:]}, true, "1", 2},
		{"P9 low octet first, with a mark", sms.Profile{}, &pdu.DeliverSM{ESMClass: 4, DataCoding: 8, ShortMessage: append([]byte{0xFF, 0xFE}, utf16("id:1 stat:DELIVRD ")[1:]...)}, true, "1", 2},
		{"P9 low octet first, announced as default", sms.Profile{}, &pdu.DeliverSM{ESMClass: 4, ShortMessage: utf16("id:1 stat:DELIVRD ")[1:]}, true, "1", 2},
		{"tabs, which are letters of GSM", sms.Profile{}, &pdu.DeliverSM{ESMClass: 4, ShortMessage: []byte("id:1\tsub:001\tstat:DELIVRD\terr:000")}, true, "1", 2},
		{"letters of GSM, which are tabs", sms.Profile{}, &pdu.DeliverSM{ESMClass: 4, ShortMessage: []byte("id:\x091 stat:DELIVRD")}, true, "Ç1", 2},
		{"packed", sms.Profile{Alphabet: coding.Packed{}}, &pdu.DeliverSM{ESMClass: 4, ShortMessage: packed}, true, "1", 2},
		{"not packed, though the Profile says so", sms.Profile{Alphabet: coding.Packed{}}, &pdu.DeliverSM{ESMClass: 4, ShortMessage: []byte(text)}, true, "1", 2},
		{"one octet", sms.Profile{}, &pdu.DeliverSM{ESMClass: 4, DataCoding: 8, ShortMessage: []byte{0}}, true, "", -1},
		{"nothing at all", sms.Profile{}, &pdu.DeliverSM{ESMClass: 4}, true, "", -1},
		{"nothing in UCS2", sms.Profile{}, &pdu.DeliverSM{ESMClass: 4, DataCoding: 8}, true, "", -1},
		{"not a delivery", sms.Profile{}, &pdu.SubmitSM{ESMClass: 4, ShortMessage: []byte(text)}, false, "", 0},
		{"nil", sms.Profile{}, nil, false, "", 0},
		{"nil pointer", sms.Profile{}, (*pdu.DeliverSM)(nil), false, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, ok := c.profile.ReadReceipt(c.body)
			if ok != c.ok || ok != (r != nil) {
				t.Fatalf("%+v, %t", r, ok)
			}
			if ok && (r.ID != c.id || r.HasState != (c.state >= 0) || r.HasState && int(r.State) != c.state) {
				t.Errorf("%+v", *r)
			}
			if ok && (strings.Contains(c.name, "underscore")) && r.DoneDate.IsZero() {
				t.Error("no done date")
			}
		})
	}

	r, _ := sms.Profile{}.ReadReceipt(&pdu.DeliverSM{ESMClass: 4, ShortMessage: []byte("id:1 stat:UNDELIV err:21b text:\x0Cre og \x7E"),
		TLVs: tlv.List{pdu.TLVNetworkErrorCode.Option(pdu.NetworkError{Type: pdu.ErrorGSM, Code: 27})}})
	if r.NetworkError == nil || *r.NetworkError != (pdu.NetworkError{Type: pdu.ErrorGSM, Code: 27}) || r.Err != "21b" || r.Text != "øre og ü" {
		t.Errorf("%+v", r)
	}
}

func TestWriteReceipt(t *testing.T) {
	submit, done := time.Date(2024, 3, 1, 12, 30, 5, 0, time.UTC), time.Date(2024, 3, 1, 12, 31, 0, 0, time.UTC)
	p := sms.Profile{Zone: time.FixedZone("mc", 2*3600)}
	for _, c := range []struct {
		name    string
		profile sms.Profile
		message pdu.SubmitSM
		receipt sms.Receipt
		dc      pdu.DataCoding
		text    string
	}{
		{"delivered", p, pdu.SubmitSM{ShortMessage: []byte("Your code is 4711, keep it")},
			sms.Receipt{ID: "4711", SubmitDate: submit, DoneDate: done, State: pdu.StateDelivered, HasState: true}, 0,
			"id:4711 sub:001 dlvrd:001 submit date:2403011430 done date:2403011431 stat:DELIVRD err:000 text:Your code is 4711, k"},
		{"failed", sms.Profile{}, pdu.SubmitSM{ShortMessage: []byte("hi")},
			sms.Receipt{ID: "a-b", State: pdu.StateUndeliverable, HasState: true, NetworkError: &pdu.NetworkError{Type: 3, Code: 27}}, 0,
			"id:a-b sub:001 dlvrd:000 submit date:0000000000 done date:0000000000 stat:UNDELIV err:027 text:hi"},
		{"distribution list", sms.Profile{}, pdu.SubmitSM{},
			sms.Receipt{ID: "9", Submitted: new(120), Delivered: new(118), Stat: "DELIVRD", Err: "0", Text: "News", HasText: true}, 0,
			"id:9 sub:120 dlvrd:118 submit date:0000000000 done date:0000000000 stat:DELIVRD err:0 text:News"},
		{"intermediate", sms.Profile{}, pdu.SubmitSM{}, sms.Receipt{ID: "9", State: pdu.StateEnroute, HasState: true, Intermediate: true}, 0,
			"id:9 sub:001 dlvrd:000 submit date:0000000000 done date:0000000000 stat:ENROUTE err:000 text:"},
		{"the message was in Cyrillic", sms.Profile{}, pdu.SubmitSM{DataCoding: 8, ShortMessage: []byte("\x04\x1F\x00a")}, sms.Receipt{ID: "9", Stat: "DELIVRD"}, 0,
			"id:9 sub:001 dlvrd:001 submit date:0000000000 done date:0000000000 stat:DELIVRD err:000 text:?a"},
		{"the message was binary", sms.Profile{}, pdu.SubmitSM{DataCoding: 4, ShortMessage: []byte("ab")}, sms.Receipt{ID: "9", Stat: "DELIVRD"}, 0,
			"id:9 sub:001 dlvrd:001 submit date:0000000000 done date:0000000000 stat:DELIVRD err:000 text:"},
		{"the message had a header", sms.Profile{}, pdu.SubmitSM{ESMClass: pdu.UDHI, ShortMessage: []byte("\x05\x00\x03\x01\x02\x01ab")}, sms.Receipt{ID: "9", Stat: "DELIVRD"}, 0,
			"id:9 sub:001 dlvrd:001 submit date:0000000000 done date:0000000000 stat:DELIVRD err:000 text:ab"},
		{"an id that GSM cannot write", sms.Profile{}, pdu.SubmitSM{ShortMessage: []byte("\x04")}, sms.Receipt{ID: "a`b", Stat: "DELIVRD"}, 1,
			"id:a`b sub:001 dlvrd:001 submit date:0000000000 done date:0000000000 stat:DELIVRD err:000 text:?"},
		{"an id that needs UTF-16", sms.Profile{}, pdu.SubmitSM{}, sms.Receipt{ID: "№9", Stat: "DELIVRD"}, 8,
			"id:№9 sub:001 dlvrd:001 submit date:0000000000 done date:0000000000 stat:DELIVRD err:000 text:"},
		{"an id of octets", sms.Profile{}, pdu.SubmitSM{}, sms.Receipt{ID: "9\xB5", Stat: "DELIVRD"}, 3,
			"id:9µ sub:001 dlvrd:001 submit date:0000000000 done date:0000000000 stat:DELIVRD err:000 text:"},
		{"UTF-16 too long for short_message", sms.Profile{Alphabet: coding.UTF16}, pdu.SubmitSM{}, sms.Receipt{ID: strings.Repeat("9", 64), Stat: "DELIVRD", Text: strings.Repeat("Ж", 30), HasText: true}, 0,
			"id:" + strings.Repeat("9", 64) + " sub:001 dlvrd:001 submit date:0000000000 done date:0000000000 stat:DELIVRD err:000 text:" + strings.Repeat("Ж", 20)},
		{"euros", sms.Profile{}, pdu.SubmitSM{}, sms.Receipt{ID: strings.Repeat("f", 64), Stat: "REJECTD", Text: strings.Repeat("€", 30), HasText: true}, 0,
			"id:" + strings.Repeat("f", 64) + " sub:001 dlvrd:000 submit date:0000000000 done date:0000000000 stat:REJECTD err:000 text:" + strings.Repeat("€", 20)},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := c.message
			m.Source, m.Dest = acme, alice
			pdu.TLVUserMessageReference.Set(&m.TLVs, 7)
			d, err := c.profile.WriteReceipt(&m, c.receipt)
			if err != nil {
				t.Fatal(err)
			}
			d = overTheWire(t, d).(*pdu.DeliverSM)
			want := pdu.TypeDeliveryReceipt
			if c.receipt.Intermediate {
				want = pdu.TypeIntermediateNotification
			}
			if d.Source != alice || d.Dest != acme || d.ESMClass != want || d.DataCoding != c.dc || len(d.ShortMessage) > 254 {
				t.Errorf("%+v", d)
			}
			if n, ok := pdu.TLVUserMessageReference.Get(d.TLVs); !ok || n != 7 {
				t.Errorf("user_message_reference %d, %t", n, ok)
			}
			if got := c.profile.Text(d); got != c.text {
				t.Errorf("%q\nwant %q", got, c.text)
			}
			r, ok := c.profile.ReadReceipt(d)
			if !ok || r.ID != c.receipt.ID || !r.HasState || c.receipt.HasState && r.State != c.receipt.State || !r.DoneDate.Equal(c.receipt.DoneDate) ||
				!r.SubmitDate.Equal(c.receipt.SubmitDate.Truncate(time.Minute)) || !reflect.DeepEqual(r.NetworkError, c.receipt.NetworkError) {
				t.Errorf("read back %+v", r)
			}
		})
	}
}

// A word of the Profile is a state to the writer as it is to the reader.
func TestWriteReceiptStatWords(t *testing.T) {
	template, err := sms.ParseReceiptTemplate("id:{id} dlvrd:{dlvrd} state:{state} stat:{stat}")
	if err != nil {
		t.Fatal(err)
	}
	p := sms.Profile{ReceiptTemplate: template, StatWords: map[string]pdu.MessageState{"DONE": pdu.StateDelivered}}
	for _, c := range []struct {
		receipt sms.Receipt
		text    string
		state   int // of the TLV, -1 for none
	}{
		{sms.Receipt{ID: "1", Stat: "Done"}, "id:1 dlvrd:001 state:2 stat:Done", 2},
		{sms.Receipt{ID: "1", Stat: "DONE", State: pdu.StateRejected, HasState: true}, "id:1 dlvrd:000 state:8 stat:DONE", 8},
		{sms.Receipt{ID: "1", Stat: "NOROUTE"}, "id:1 dlvrd:000 state: stat:NOROUTE", -1},
	} {
		d, err := p.WriteReceipt(&pdu.SubmitSM{}, c.receipt)
		if err != nil {
			t.Fatal(err)
		}
		state, ok := pdu.TLVMessageState.Get(d.TLVs)
		if got := p.Text(d); got != c.text || ok != (c.state >= 0) || ok && int(state) != c.state {
			t.Errorf("%q, state %d %t, want %q, %d", got, state, ok, c.text, c.state)
		}
	}
}

func TestReceiptErrors(t *testing.T) {
	good := sms.Receipt{ID: "1", Stat: "DELIVRD"}
	with := func(f func(*sms.Receipt)) sms.Receipt {
		r := good
		f(&r)
		return r
	}
	for _, c := range []struct {
		name    string
		receipt sms.Receipt
		words   []string
	}{
		{"no id", with(func(r *sms.Receipt) { r.ID = "" }), []string{"id"}},
		{"long id", with(func(r *sms.Receipt) { r.ID = repeat("9", 65) }), []string{"id", "64"}},
		{"id of two words", with(func(r *sms.Receipt) { r.ID = "1 2" }), []string{"id", `"1 2"`, "white space"}},
		{"no state", with(func(r *sms.Receipt) { r.Stat = "" }), []string{"stat"}},
		{"reserved state", with(func(r *sms.Receipt) { r.Stat, r.State, r.HasState = "", 77, true }), []string{"stat"}},
		{"long err", with(func(r *sms.Receipt) { r.Err = "123456789" }), []string{"err", "8"}},
		{"long stat", with(func(r *sms.Receipt) { r.Stat = repeat("X", 17) }), []string{"stat", "16"}},
		{"count", with(func(r *sms.Receipt) { r.Submitted = new(1000) }), []string{"count", "1000", "999"}},
		{"date", with(func(r *sms.Receipt) { r.DoneDate = time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC) }), []string{"date", "2040", "2037"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := c.receipt.AppendText([]byte("x"))
			if string(b) != "x" {
				t.Errorf("%q", b)
			}
			wantError(t, err, c.words...)
			_, err = sms.Profile{}.WriteReceipt(&pdu.SubmitSM{}, c.receipt)
			wantError(t, err, c.words...)
		})
	}
	_, err := sms.Profile{}.WriteReceipt(nil, good)
	wantError(t, err, "submit_sm")
	last := with(func(r *sms.Receipt) { r.DoneDate = time.Date(2037, 12, 31, 23, 0, 0, 0, time.UTC) })
	_, err = sms.Profile{Zone: time.FixedZone("", 7200)}.WriteReceipt(&pdu.SubmitSM{}, last)
	wantError(t, err, "date", "2038")
	bad := with(func(r *sms.Receipt) { r.Err = "\xFF" })
	_, err = sms.Profile{}.WriteReceipt(&pdu.SubmitSM{}, bad)
	wantError(t, err, "receipt", "UTF-8")
}

func TestMessageIDRules(t *testing.T) {
	rules := map[string]sms.MessageIDRule{"same": sms.MessageIDExact, "resp_hex_receipt_dec": sms.MessageIDHexToDecimal,
		"resp_dec_receipt_hex": sms.MessageIDDecimalToHex, "padded": sms.MessageIDPadded, "case": sms.MessageIDCaseInsensitive}
	for _, c := range readJSON[receiptFile](t, "receipts.json").MessageIDForms {
		rule, ok := rules[c.Name]
		if !ok {
			t.Errorf("no rule for %s", c.Name)
		}
		if !rule.Match(c.SubmitResp, c.Receipt) {
			t.Errorf("%v: %s does not match %s", rule, c.SubmitResp, c.Receipt)
		}
		if rule != sms.MessageIDExact && sms.MessageIDExact.Match(c.SubmitResp, c.Receipt) {
			t.Errorf("%s matches %s exactly", c.SubmitResp, c.Receipt)
		}
	}
	for _, c := range []struct {
		rule              sms.MessageIDRule
		response, receipt string
		want              bool
	}{
		{sms.MessageIDExact, "0A", "0a", false},
		{sms.MessageIDExact, "", "", true},
		{sms.MessageIDHexToDecimal, "10", "16", true},
		{sms.MessageIDHexToDecimal, "10", "10", false}, // never guessed
		{sms.MessageIDHexToDecimal, "C0FFEE12A95B4D03B7E1004F6A2D9E58", "256539166763190044133318463088640761432", false},
		{sms.MessageIDHexToDecimal, "ffffffffffffffffffff", "1208925819614629174706175", true},
		{sms.MessageIDHexToDecimal, "no-number", "no-number", true},
		{sms.MessageIDHexToDecimal, "0x10", "16", false},
		{sms.MessageIDHexToDecimal, "+10", "16", false},
		{sms.MessageIDDecimalToHex, "16", "0010", true},
		{sms.MessageIDDecimalToHex, "16", "16", false},
		{sms.MessageIDPadded, "000", "0", true},
		{sms.MessageIDPadded, "00B8BE19", "B8BE19", true},
		{sms.MessageIDPadded, "", "0", false},
		{sms.MessageIDCaseInsensitive, "a\xFF", "A\xFE", false},
	} {
		if got := c.rule.Match(c.response, c.receipt); got != c.want {
			t.Errorf("%v: %q and %q: %t", c.rule, c.response, c.receipt, got)
		}
	}
	for r := range sms.MessageIDCaseInsensitive + 1 {
		if back, err := sms.ParseMessageIDRule(r.String()); err != nil || back != r {
			t.Errorf("%v: %v, %v", r, back, err)
		}
	}
	_, err := sms.ParseMessageIDRule("guess")
	wantError(t, err, "guess", "hex-to-decimal")
}

func FuzzReceipt(f *testing.F) {
	for _, c := range readJSON[receiptFile](f, "receipts.json").Examples {
		f.Add(c.Text)
	}
	f.Add("id:\x00 stat:\xFF text")
	f.Fuzz(func(t *testing.T, text string) {
		for _, p := range []sms.Profile{{}, {Alphabet: coding.Latin1}, {Alphabet: coding.UTF16}} {
			r, ok := p.ReadReceipt(&pdu.DeliverSM{ESMClass: 4, ShortMessage: []byte(text)})
			if !ok || !utf8.ValidString(r.Raw) || !utf8.ValidString(r.ID+r.Stat+r.Err+r.Text) {
				t.Fatalf("%+v, %t", r, ok)
			}
			for _, u := range r.Unknown {
				if !utf8.ValidString(u.Label + u.Value) {
					t.Fatalf("unknown %+v", u)
				}
			}
		}
		r, ok := sms.ParseReceipt(text, nil)
		if !ok {
			return
		}
		if r.ID == "" || r.Stat == "" || r.Raw != text {
			t.Fatalf("%+v", r)
		}
		d, err := sms.Profile{}.WriteReceipt(&pdu.SubmitSM{}, *r)
		if err != nil {
			return // not every receipt that is read is one to write
		}
		if utf8.ValidString(r.ID) && !strings.ContainsRune(r.ID, '\u0085') {
			p := sms.Profile{}
			back, ok := sms.ParseReceipt(p.Text(d), nil)
			if !ok || back.ID != r.ID || back.Stat != r.Stat {
				t.Fatalf("%q becomes %q", text, p.Text(d))
			}
			if back, ok := p.ReadReceipt(d); !ok || back.ID != r.ID || back.HasState != r.HasState || back.State != r.State {
				t.Fatalf("%+v is read back as %+v", r, back)
			}
		}
	})
}

func BenchmarkParseReceipt(b *testing.B) {
	const text = "id:0123456789 sub:001 dlvrd:001 submit date:2403011230 done date:2403011231 stat:DELIVRD err:000 Text:Hello world"
	b.Run("ParseReceipt", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := sms.ParseReceipt(text, nil); !ok {
				b.Fatal("no receipt")
			}
		}
	})
	b.Run("ReadReceipt", func(b *testing.B) {
		m := &pdu.DeliverSM{ESMClass: 4, ShortMessage: []byte(text)}
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := (sms.Profile{}).ReadReceipt(m); !ok {
				b.Fatal("no receipt")
			}
		}
	})
}

// A receipt is sent later, when the memory that its message was read into holds others.
func TestReceiptSharesNothing(t *testing.T) {
	m := &pdu.SubmitSM{ServiceType: "WAP", Source: pdu.ShortCode("8080"), Dest: pdu.International("491701234567"), ShortMessage: []byte("hello"),
		TLVs: tlv.List{pdu.TLVUserMessageReference.Option(7)}}
	frame, err := pdu.Append(nil, pdu.Header{Sequence: 1}, m)
	if err != nil {
		t.Fatal(err)
	}
	_, body, err := pdu.Decode(frame)
	if err != nil {
		t.Fatal(err)
	}
	d, err := sms.Profile{}.WriteReceipt(body.(*pdu.SubmitSM), sms.Receipt{ID: "1", State: pdu.StateDelivered, HasState: true})
	if err != nil {
		t.Fatal(err)
	}
	before, err := pdu.Append(nil, pdu.Header{Sequence: 1}, d)
	if err != nil {
		t.Fatal(err)
	}
	for i := range frame {
		frame[i] = 'X'
	}
	if after, err := pdu.Append(nil, pdu.Header{Sequence: 1}, d); err != nil || string(after) != string(before) {
		t.Errorf("the receipt was % x and is % x, %v", before, after, err)
	}
}
