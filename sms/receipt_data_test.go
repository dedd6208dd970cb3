package sms_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godwit-sms/smpp/coding"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

// receiptUnits takes testdata/receipts.json apart: each thing that it says, by a name of its own.
func receiptUnits(t *testing.T) (names []string, units map[string]json.RawMessage) {
	t.Helper()
	units = make(map[string]json.RawMessage)
	add := func(name string, v json.RawMessage) {
		if _, ok := units[name]; ok {
			t.Fatalf("%s stands twice", name)
		}
		names, units[name] = append(names, name), v
	}
	for key, raw := range readJSON[map[string]json.RawMessage](t, "receipts.json") {
		var list []json.RawMessage
		var object map[string]json.RawMessage
		switch {
		case json.Unmarshal(raw, &list) == nil:
			for _, e := range list {
				var s string
				var o struct {
					Name, Label string
					Digits      any
				}
				switch {
				case json.Unmarshal(e, &s) == nil:
					add(key+": "+s, e)
				case json.Unmarshal(e, &o) == nil && o.Name+o.Label != "":
					add(key+": "+o.Name+o.Label, e)
				default:
					add(fmt.Sprintf("%s: %v", key, o.Digits), e)
				}
			}
		case json.Unmarshal(raw, &object) == nil:
			for k, e := range object {
				add(key+": "+k, e)
			}
		default:
			add(key, raw)
		}
	}
	slices.Sort(names)
	return names, units
}

func decode[T any](t *testing.T, raw json.RawMessage) (v T) {
	t.Helper()
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestReceiptData holds a check against everything that testdata/receipts.json says, and fails for what has none.
func TestReceiptData(t *testing.T) {
	must := func(t *testing.T, text string) *sms.Receipt {
		t.Helper()
		r, ok := sms.ParseReceipt(text, nil)
		if !ok {
			t.Fatalf("%q is no receipt", text)
		}
		return r
	}
	read := func(t *testing.T, p sms.Profile, b pdu.Body) *sms.Receipt {
		t.Helper()
		r, ok := p.ReadReceipt(overTheWire(t, b))
		if !ok {
			t.Fatalf("no receipt: %+v", b)
		}
		return r
	}
	equal := func(t *testing.T, got, want any) {
		t.Helper()
		if got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
	// write writes a receipt with everything in it, and reads it back.
	at := time.Date(2024, 3, 1, 12, 30, 0, 0, time.UTC)
	write := func(t *testing.T, p sms.Profile, change func(*sms.Receipt)) (text string, d *pdu.DeliverSM, back *sms.Receipt) {
		t.Helper()
		r := sms.Receipt{ID: "4711", SubmitDate: at, DoneDate: at.Add(time.Minute), State: pdu.StateDelivered, HasState: true}
		if change != nil {
			change(&r)
		}
		d, err := p.WriteReceipt(&pdu.SubmitSM{Source: acme, Dest: alice, ShortMessage: []byte("The quick brown fox jumps")}, r)
		if err != nil {
			t.Fatal(err)
		}
		d = overTheWire(t, d).(*pdu.DeliverSM)
		back, ok := p.ReadReceipt(d)
		if !ok {
			t.Fatalf("not read back: %+v", d)
		}
		return p.Text(d), d, back
	}
	// template writes by a template and reads the text, without the TLVs.
	template := func(t *testing.T, source string, change func(*sms.Receipt)) *sms.Receipt {
		t.Helper()
		tmpl, err := sms.ParseReceiptTemplate(source)
		if err != nil {
			t.Fatal(err)
		}
		text, _, back := write(t, sms.Profile{ReceiptTemplate: tmpl}, change)
		equal(t, back.State, pdu.StateDelivered)
		return must(t, text)
	}
	receipt := func(esm pdu.ESMClass, text string, options ...func(*pdu.DeliverSM)) *pdu.DeliverSM {
		d := &pdu.DeliverSM{Source: alice, Dest: acme, ESMClass: esm, ShortMessage: []byte(text)}
		for _, o := range options {
			o(d)
		}
		return d
	}
	withID := func(id string) func(*pdu.DeliverSM) {
		return func(d *pdu.DeliverSM) { pdu.TLVReceiptedMessageID.Set(&d.TLVs, id) }
	}
	withState := func(s pdu.MessageState) func(*pdu.DeliverSM) {
		return func(d *pdu.DeliverSM) { pdu.TLVMessageState.Set(&d.TLVs, s) }
	}
	words := func(t *testing.T, raw json.RawMessage) {
		t.Helper()
		list := decode[map[string]pdu.MessageState](t, raw)
		if len(list) == 0 {
			t.Error("no words")
		}
		for word, state := range list {
			for _, w := range []string{word, strings.ToLower(word), word[:1] + strings.ToLower(word[1:])} {
				r := must(t, "id:1 stat:"+w)
				equal(t, r.Stat, w)
				equal(t, r.HasState, true)
				equal(t, r.State, state)
			}
		}
	}
	dates := func(date string) func(*testing.T, json.RawMessage) {
		return func(t *testing.T, raw json.RawMessage) {
			t.Helper()
			zone := time.FixedZone("mc", -5*3600)
			r, _ := sms.ParseReceipt("id:1 stat:DELIVRD submit date:"+date+" done date:"+date, zone)
			format := decode[struct{ Format, Else *string }](t, raw)
			if format.Format == nil || *format.Format == "all zeros" {
				equal(t, r.DoneDate, time.Time{})
				equal(t, strings.Contains(r.Raw, date), true)
				return
			}
			layout := strings.NewReplacer("YYYY", "2006", "YY", "06", "MM", "01", "DD", "02", "hh", "15", "mm", "04", "ss", "05")
			want, err := time.ParseInLocation(layout.Replace(*format.Format), date, zone)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, r.DoneDate.String(), want.String())
			equal(t, r.SubmitDate.String(), want.String())
			if format.Else != nil {
				const other = "202403011230"
				r, _ := sms.ParseReceipt("id:1 stat:DELIVRD done date:"+other, zone)
				want, err := time.ParseInLocation(layout.Replace(*format.Else), other, zone)
				if err != nil {
					t.Fatal(err)
				}
				equal(t, r.DoneDate.String(), want.String())
			}
		}
	}
	// field checks a field of the standard layout: what is written of it, and read.
	field := func(pattern string, values ...string) func(*testing.T, json.RawMessage) {
		return func(t *testing.T, raw json.RawMessage) {
			t.Helper()
			f := decode[struct {
				Label  string
				Octets int
			}](t, raw)
			text, _, _ := write(t, sms.Profile{}, nil)
			m := regexp.MustCompile("(?:^| )" + f.Label + ":(" + pattern + ")(?: |$)").FindStringSubmatch(text)
			if m == nil {
				t.Fatalf("%s is not in %q", f.Label, text)
			}
			if f.Label != "id" && len(m[1]) != f.Octets { // an id is as long as it is
				t.Errorf("%q has %d octets, want %d", m[1], len(m[1]), f.Octets)
			}
			for _, v := range values {
				s := "id:1 sub:001 dlvrd:001 submit date:2403011230 done date:2403011231 stat:DELIVRD err:000 text:hi"
				if v == "missing" {
					s = regexp.MustCompile(f.Label+":[^ ]* ?").ReplaceAllString(s, "")
				} else {
					s = regexp.MustCompile(f.Label+":[^ ]*").ReplaceAllString(s, f.Label+":"+v)
				}
				r := must(t, s)
				got := map[string]string{"id": r.ID, "stat": r.Stat, "err": r.Err, "text": r.Text}
				for label, n := range map[string]*int{"sub": r.Submitted, "dlvrd": r.Delivered} {
					if n != nil {
						got[label] = fmt.Sprintf("%03d", *n)
					}
				}
				for label, d := range map[string]time.Time{"submit date": r.SubmitDate, "done date": r.DoneDate} {
					if !d.IsZero() {
						got[label] = d.Format(map[int]string{10: "0601021504", 12: "060102150405", 14: "20060102150405"}[len(v)])
					}
				}
				want := v
				if v == "missing" {
					want = ""
				}
				equal(t, got[f.Label], want)
			}
		}
	}
	form := func(rule sms.MessageIDRule) func(*testing.T, json.RawMessage) {
		return func(t *testing.T, raw json.RawMessage) {
			f := decode[struct {
				SubmitResp string `json:"submit_resp"`
				Receipt    string
			}](t, raw)
			equal(t, rule.Match(f.SubmitResp, f.Receipt), true)
			if rule != sms.MessageIDExact {
				equal(t, sms.MessageIDExact.Match(f.SubmitResp, f.Receipt), false)
			}
			c := sms.Correlator{Rule: rule}
			if err := c.Track(t.Context(), at, sms.TrackedPart{Key: "key", ID: f.SubmitResp}); err != nil {
				t.Fatal(err)
			}
			d, err := c.Receipt(t.Context(), at, must(t, "id:"+f.Receipt+" stat:DELIVRD"))
			if err != nil || d == nil || d.Key != "key" || !d.Final {
				t.Errorf("%+v, %v", d, err)
			}
		}
	}
	checks := map[string]func(*testing.T, json.RawMessage){
		"schema": func(t *testing.T, raw json.RawMessage) { equal(t, string(raw), "1") },

		"recognise: esm_class AND 0x3C = 0x04: MC delivery receipt; = 0x20: intermediate notification (same layout)": func(t *testing.T, _ json.RawMessage) {
			for esm := range pdu.ESMClass(255) {
				r, ok := sms.Profile{}.ReadReceipt(receipt(esm, "id:1 stat:ENROUTE"))
				if esm.HasUDHI() {
					continue // another beginning of the text
				}
				equal(t, ok, esm&0x3C == 0x04 || esm&0x3C == 0x20)
				if ok {
					equal(t, r.Intermediate, esm&0x3C == 0x20)
					equal(t, r.State, pdu.StateEnroute)
				}
			}
		},
		"recognise: 3.3 peers: esm_class may carry other bits; fall back to trying the parser when a receipt was asked for (judgement)": func(t *testing.T, _ json.RawMessage) {
			for _, esm := range []pdu.ESMClass{0, 0x0C, 0x24, 0x3C} {
				_, ok := sms.Profile{}.ReadReceipt(receipt(esm, "id:1 stat:DELIVRD"))
				equal(t, ok, false)
				equal(t, read(t, sms.Profile{ReceiptText: true}, receipt(esm, "id:1 stat:DELIVRD")).Final(), true)
				_, ok = sms.Profile{ReceiptText: true}.ReadReceipt(receipt(esm, "not a receipt"))
				equal(t, ok, false)
			}
		},
		"recognise: source and destination addresses are those of the original, swapped": func(t *testing.T, _ json.RawMessage) {
			_, d, back := write(t, sms.Profile{}, nil)
			equal(t, d.Source, alice)
			equal(t, d.Dest, acme)
			equal(t, back.Source, acme)
			equal(t, back.Dest, alice)
		},

		"precedence: receipted_message_id and message_state TLVs beat id and stat of the text": func(t *testing.T, _ json.RawMessage) {
			r := read(t, sms.Profile{}, receipt(4, "id:1 stat:EXPIRED", withID("two"), withState(pdu.StateDelivered)))
			equal(t, r.ID, "two")
			equal(t, r.State, pdu.StateDelivered)
			equal(t, r.Stat, "EXPIRED")
		},
		"precedence: network_error_code beats err, which stays available as text": func(t *testing.T, _ json.RawMessage) {
			r := read(t, sms.Profile{}, receipt(4, "id:1 stat:EXPIRED err:21b", func(d *pdu.DeliverSM) {
				pdu.TLVNetworkErrorCode.Set(&d.TLVs, pdu.NetworkError{Type: 3, Code: 27})
			}))
			equal(t, *r.NetworkError, pdu.NetworkError{Type: 3, Code: 27})
			equal(t, r.Err, "21b")
		},
		"precedence: the text may be in message_payload instead of short_message": func(t *testing.T, _ json.RawMessage) {
			payload := func(d *pdu.DeliverSM) { pdu.TLVMessagePayload.Set(&d.TLVs, []byte("id:1 stat:EXPIRED")) }
			equal(t, read(t, sms.Profile{}, receipt(4, "", payload)).State, pdu.StateExpired)
			m := &pdu.DataSM{ESMClass: pdu.TypeDeliveryReceipt, TLVs: receipt(4, "", payload).TLVs}
			equal(t, read(t, sms.Profile{}, m).State, pdu.StateExpired)
		},
		"precedence: 5.0 leaves the text format out of the standard: produce TLVs and text, to serve both kinds of ESME": func(t *testing.T, _ json.RawMessage) {
			text, d, _ := write(t, sms.Profile{}, nil)
			equal(t, must(t, text).ID, "4711")
			id, _ := pdu.TLVReceiptedMessageID.Get(d.TLVs)
			equal(t, id, "4711")
			state, _ := pdu.TLVMessageState.Get(d.TLVs)
			equal(t, state, pdu.StateDelivered)
		},

		"layout": func(t *testing.T, raw json.RawMessage) {
			labels := regexp.MustCompile(`(^| )[A-Za-z]+( date)?:`)
			text, _, _ := write(t, sms.Profile{}, nil)
			equal(t, strings.ToLower(strings.Join(labels.FindAllString(decode[string](t, raw), -1), "")), strings.Join(labels.FindAllString(text, -1), ""))
		},

		"fields: id":          field(`4711`, "4711", "0000000087654321", "5b0c7f9e-13d2-4a40-8d5e-97c1f06b2a11", strings.Repeat("~!", 32)),
		"fields: sub":         field(`\d+`, "001", "999", "missing"),
		"fields: dlvrd":       field(`\d+`, "000", "118", "missing"),
		"fields: submit date": field(`\d+`, "2403011230", "240301123059", "20240301123059", "missing"),
		"fields: done date":   field(`\d+`, "2403011230", "240301123059", "20240301123059", "missing"),
		"fields: stat":        field(`[A-Z]+`, "DELIVRD", "undeliv", "UNDELIVERABLE", "NOROUTE"),
		"fields: err":         field(`\d+`, "0", "000", "21b", "EC_012", "12345678", "missing"),
		"fields: text":        field(`.+`, "hi", "", "missing", "longer-than-twenty-characters"),

		"stat_words: standard":   words,
		"stat_words: de_facto":   words,
		"stat_words: long_forms": words,
		"stat_words: final": func(t *testing.T, raw json.RawMessage) {
			final := decode[[]string](t, raw)
			for _, word := range append([]string{"ENROUTE", "SCHEDLD", "UNKNOWN"}, final...) {
				equal(t, must(t, "id:1 stat:"+word).Final(), slices.Contains(final, word))
			}
		},
		"stat_words: other_words": func(t *testing.T, _ json.RawMessage) {
			r := must(t, "id:1 stat:NOROUTE")
			equal(t, r.Stat, "NOROUTE")
			equal(t, r.HasState, false)
			equal(t, r.Final(), false)
			p := sms.Profile{StatWords: map[string]pdu.MessageState{"NOROUTE": pdu.StateUndeliverable}}
			equal(t, read(t, p, receipt(4, "id:1 stat:NoRoute")).Final(), true)
		},
		"stat_words: pitfall": func(t *testing.T, _ json.RawMessage) {
			equal(t, must(t, "id:1 stat:DELIVRD").State, pdu.MessageState(2))
		},

		"dates: 10":    dates("2403011230"),
		"dates: 12":    dates("240301123059"),
		"dates: 14":    dates("20240301123059"),
		"dates: any":   dates("0000000000"),
		"dates: other": dates("24030112"),

		"date_rules: two digit years: 38-99 are 19xx, 00-37 are 20xx": func(t *testing.T, _ json.RawMessage) {
			for y := range 100 {
				want := 2000 + y
				if y >= 38 {
					want -= 100
				}
				for _, rest := range []string{"02011030", "0201103059"} {
					equal(t, must(t, fmt.Sprintf("id:1 stat:DELIVRD done date:%02d%s", y, rest)).DoneDate.Year(), want)
				}
			}
		},
		"date_rules: no zone is given: it is the zone of the MC, to be configured": func(t *testing.T, _ json.RawMessage) {
			p := sms.Profile{Zone: time.FixedZone("mc", 3*3600)}
			text, _, back := write(t, p, nil)
			equal(t, strings.Contains(text, "submit date:2403011530 done date:2403011531"), true)
			equal(t, back.SubmitDate.Equal(at), true)
		},

		"message_id_forms: same":                 form(sms.MessageIDExact),
		"message_id_forms: resp_hex_receipt_dec": form(sms.MessageIDHexToDecimal),
		"message_id_forms: resp_dec_receipt_hex": form(sms.MessageIDDecimalToHex),
		"message_id_forms: padded":               form(sms.MessageIDPadded),
		"message_id_forms: case":                 form(sms.MessageIDCaseInsensitive),
		"message_id_rule": func(t *testing.T, _ json.RawMessage) {
			equal(t, sms.Profile{}.MessageID, sms.MessageIDExact)
			equal(t, sms.MessageIDHexToDecimal.Match("10", "10"), false)
			equal(t, sms.MessageIDDecimalToHex.Match("10", "10"), false)
			equal(t, sms.MessageIDExact.Match("10", "16"), false)
		},

		"parse_rules: labels are found without regard to case, at the start or after white space, followed by a colon; blanks after the colon are dropped": func(t *testing.T, _ json.RawMessage) {
			r := must(t, "Id:  1\tsTaT: \n DELIVRD xerr:2 err :3 ErR: 4")
			equal(t, r.ID+" "+r.Stat+" "+r.Err, "1 DELIVRD 4")
		},
		"parse_rules: any order; the first of a repeated label counts": func(t *testing.T, _ json.RawMessage) {
			r := must(t, "err:1 stat:DELIVRD err:2 id:1 stat:EXPIRED id:2")
			equal(t, r.ID+" "+r.Stat+" "+r.Err, "1 DELIVRD 1")
		},
		"parse_rules: white space or a line break may stand for the blank in submit date and done date; an underscore too": func(t *testing.T, _ json.RawMessage) {
			for _, blank := range []string{" ", "  ", "\t", "\n", "\r\n", "_"} {
				r := must(t, "id:1 submit"+blank+"date:2403011230 stat:DELIVRD done"+blank+"date:2403011231")
				equal(t, r.SubmitDate, at)
				equal(t, r.DoneDate, at.Add(time.Minute))
				equal(t, r.Stat, "DELIVRD")
			}
		},
		"parse_rules: a value runs to the next label; values are trimmed": func(t *testing.T, _ json.RawMessage) {
			r := must(t, "id: a b  stat:\tNO ROUTE \r\n err: x ")
			equal(t, r.ID+"|"+r.Stat+"|"+r.Err, "a b|NO ROUTE|x")
		},
		"parse_rules: text takes everything to the end once id and stat are known; before that it ends at the next label": func(t *testing.T, _ json.RawMessage) {
			equal(t, must(t, "id:1 stat:DELIVRD text:a err:5 id:6").Text, "a err:5 id:6")
			r := must(t, "id:1 text:a err:5 stat:DELIVRD")
			equal(t, r.Text+"|"+r.Err, "a|5")
		},
		"parse_rules: id and stat are needed, all else is optional; otherwise it is not a receipt in this layout": func(t *testing.T, _ json.RawMessage) {
			must(t, "id:1 stat:X")
			for _, text := range []string{"", "id:1", "stat:X", "sub:001 dlvrd:001 submit date:2403011230 done date:2403011231 err:000 text:hi"} {
				_, ok := sms.ParseReceipt(text, nil)
				equal(t, ok, false)
			}
		},

		"generate: template": func(t *testing.T, raw json.RawMessage) {
			for _, state := range []pdu.MessageState{pdu.StateDelivered, pdu.StateRejected} {
				text, _, _ := write(t, sms.Profile{}, func(r *sms.Receipt) { r.State, r.NetworkError = state, &pdu.NetworkError{Type: 3, Code: 27} })
				dlvrd, word := "001", "DELIVRD"
				if state != pdu.StateDelivered {
					dlvrd, word = "000", "REJECTD"
				}
				want := strings.NewReplacer("{id}", "4711", "{001 if delivered else 000}", dlvrd, "submit date:{YYMMDDhhmm}", "submit date:2403011230",
					"done date:{YYMMDDhhmm}", "done date:2403011231", "{word}", word, "{3 digits}", "027", "{first 20 characters}", "The quick brown fox ").Replace(decode[string](t, raw))
				equal(t, text, want)
			}
		},
		"generate: also": func(t *testing.T, raw json.RawMessage) {
			_, d, _ := write(t, sms.Profile{}, func(r *sms.Receipt) { r.NetworkError = &pdu.NetworkError{Type: 3, Code: 27} })
			names := []string{pdu.TLVReceiptedMessageID.Definition().Name, pdu.TLVMessageState.Definition().Name, pdu.TLVNetworkErrorCode.Definition().Name}
			equal(t, fmt.Sprint(names), fmt.Sprint(decode[[]string](t, raw)))
			equal(t, d.TLVs.Has(pdu.TLVReceiptedMessageID.Tag()) && d.TLVs.Has(pdu.TLVMessageState.Tag()) && d.TLVs.Has(pdu.TLVNetworkErrorCode.Tag()), true)
		},
		"generate: data_coding": func(t *testing.T, raw json.RawMessage) {
			for _, dc := range []pdu.DataCoding{0, 3, 4, 8} { // whatever that of the message
				d, err := sms.Profile{}.WriteReceipt(&pdu.SubmitSM{DataCoding: dc, ShortMessage: []byte("\x04\x10")}, sms.Receipt{ID: "1", Stat: "DELIVRD"})
				if err != nil {
					t.Fatal(err)
				}
				equal(t, d.DataCoding, decode[pdu.DataCoding](t, raw))
			}
		},

		// Each variation is read, and can be written by a template.
		"variations: label_case": func(t *testing.T, raw json.RawMessage) {
			for _, v := range decode[struct{ Values []string }](t, raw).Values {
				equal(t, template(t, v+":{id} STAT:{stat}", nil).ID, "4711")
			}
		},
		"variations: field_order": func(t *testing.T, _ json.RawMessage) {
			for _, source := range []string{sms.StandardReceipt, "err:{err} stat:{stat} done date:{done_date} dlvrd:{dlvrd} id:{id} sub:{sub} submit date:{submit_date} text:{text}"} {
				r := template(t, source, nil)
				equal(t, fmt.Sprintf("%v %v %v %v %v %v %v %v", r.ID, *r.Submitted, *r.Delivered, r.SubmitDate.Equal(at), r.DoneDate.Equal(at.Add(time.Minute)), r.Stat, r.Err, r.Text),
					"4711 1 1 true true DELIVRD 000 The quick brown fox")
			}
		},
		"variations: text": func(t *testing.T, _ json.RawMessage) {
			for source, want := range map[string]string{"text:{text}": "The quick brown fox", "Text:": "", "": "", "text:{text:25}": "The quick brown fox jumps"} {
				r := template(t, "id:{id} stat:{stat} "+source, nil)
				equal(t, r.Text, want)
				equal(t, r.HasText, source != "")
			}
		},
		"variations: sub_dlvrd": func(t *testing.T, _ json.RawMessage) {
			for source, want := range map[string]string{" sub:{sub} dlvrd:{dlvrd}": " sub:001 dlvrd:001", "": "", " sub:{sub:1} dlvrd:{dlvrd:1}": " sub:1 dlvrd:1"} {
				r := template(t, "id:{id}"+source+" stat:{stat}", nil)
				equal(t, r.Raw, "id:4711"+want+" stat:DELIVRD")
				equal(t, r.Submitted != nil && *r.Submitted == 1 && *r.Delivered == 1, source != "")
			}
		},
		"variations: err": func(t *testing.T, _ json.RawMessage) {
			for err, source := range map[string]string{"027": "err:{err}", "21b": "err:{err}", "EC_012": "err:{err}", "": "", "1": "err:{err}", "12345678": "err:{err:8}", "0000": "err:{err:4}"} {
				r := template(t, "id:{id} stat:{stat} "+source, func(r *sms.Receipt) { r.Err = strings.TrimSuffix(err, "000") })
				equal(t, r.Err, err)
			}
		},
		"variations: dates": func(t *testing.T, _ json.RawMessage) {
			for layout, want := range map[string]string{"YYMMDDhhmm": "2403011230", "YYMMDDhhmmss": "240301123000", "YYYYMMDDhhmm": "202403011230", "YYYYMMDDhhmmss": "20240301123000"} {
				r := template(t, "id:{id} submit date:{submit_date:"+layout+"} stat:{stat}", nil)
				equal(t, r.SubmitDate, at)
				equal(t, strings.Contains(r.Raw, "submit date:"+want+" "), true)
				r = template(t, "id:{id} submit date:{submit_date:"+layout+"} stat:{stat}", func(r *sms.Receipt) { r.SubmitDate = time.Time{} })
				equal(t, r.SubmitDate, time.Time{})
				equal(t, strings.Contains(r.Raw, "submit date:"+strings.Repeat("0", len(want))+" "), true)
			}
			equal(t, template(t, "id:{id} stat:{stat}", nil).DoneDate, time.Time{})
		},
		"variations: id": func(t *testing.T, _ json.RawMessage) {
			for _, id := range []string{"4711", "C0FFEE12A95B4D03B7E1004F6A2D9E58", "a41f6c02-77be-4d19-93f0-2c5be8d0716e", "0000000087654321"} {
				equal(t, template(t, "id:{id} stat:{stat}", func(r *sms.Receipt) { r.ID = id }).ID, id)
			}
			equal(t, template(t, "id:{id:10} stat:{stat}", nil).ID, "0000004711")
		},
		"variations: other_layouts": func(t *testing.T, _ json.RawMessage) {
			for source, want := range map[string]string{
				"00,{done_date},{submit_date},,{dest_addr},{source_addr},{id}": "00,2403011231,2403011230,,491701234567,ACME,4711",
				"": "",
			} {
				tmpl, err := sms.ParseReceiptTemplate(source)
				if err != nil {
					t.Fatal(err)
				}
				text, d, back := write(t, sms.Profile{ReceiptTemplate: tmpl}, nil)
				equal(t, text, want)
				equal(t, len(d.ShortMessage), len(want))
				_, ok := sms.ParseReceipt(text, nil)
				equal(t, ok, false)
				equal(t, back.Raw, want)
				equal(t, back.ID, "4711") // by the TLVs
				equal(t, back.Final(), true)
			}
		},
	}
	file := readJSON[receiptFile](t, "receipts.json")
	for i, e := range file.Examples {
		checks["examples: "+e.Name] = func(t *testing.T, _ json.RawMessage) {
			var options []func(*pdu.DeliverSM)
			if e.TLVs != nil {
				options = append(options, withID(e.TLVs.ReceiptedMessageID), withState(e.TLVs.MessageState))
			}
			octets, err := coding.Encode(coding.GSM7, e.Text) // TestReceiptExamples has the other character sets
			if err != nil {
				t.Fatal(err)
			}
			r := read(t, sms.Profile{}, receipt(4, string(octets), options...))
			if e.Expect != nil {
				checkReceipt(t, r, file, i, time.UTC)
			} else {
				equal(t, fmt.Sprint(r.ID, r.HasState, r.Raw), fmt.Sprint("", false, e.Text))
			}
		}
	}
	names, units := receiptUnits(t)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			check := checks[name]
			if check == nil {
				t.Fatal("nothing checks this")
			}
			check(t, units[name])
			delete(checks, name)
		})
	}
	for name := range checks {
		t.Errorf("%s is not in the data", name)
	}
}
