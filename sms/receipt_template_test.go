package sms_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/godwit-sms/smpp/coding"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

func parseTemplate(t testing.TB, source string) *sms.ReceiptTemplate {
	t.Helper()
	tmpl, err := sms.ParseReceiptTemplate(source)
	if err != nil {
		t.Fatal(err)
	}
	if tmpl.String() != source {
		t.Errorf("%q is printed as %q", source, tmpl)
	}
	return tmpl
}

func TestReceiptTemplate(t *testing.T) {
	r := &sms.Receipt{
		Source: pdu.ShortCode("8080"), Dest: alice, ID: "4711", State: pdu.StateExpired, HasState: true, Submitted: new(12),
		SubmitDate: time.Date(2024, 3, 1, 2, 4, 5, 0, time.UTC), NetworkError: &pdu.NetworkError{Type: 3, Code: 27},
		Text: strings.Repeat("0123456789", 30), HasText: true,
	}
	for _, c := range []struct{ name, source, want string }{
		{"empty", "", ""},
		{"text alone", "a receipt", "a receipt"},
		{"braces", "{{{id}}} }}{{", "{4711} }{"},
		{"standard", sms.StandardReceipt, "id:4711 sub:012 dlvrd:000 submit date:2403010204 done date:0000000000 stat:EXPIRED err:027 text:01234567890123456789"},
		{"id", "{id:8}", "00004711"},
		{"id that is longer", "{id:1}", "4711"},
		{"counts", "{sub:1} {sub:2} {dlvrd:5} {dlvrd:1}", "12 12 00000 0"},
		{"dates", "{submit_date:YYYY-MM-DD hh:mm:ss} {submit_date:DD/MM/YY} {done_date:YYYYMMDDhhmmss}", "2024-03-01 02:04:05 01/03/24 00000000000000"},
		{"state", "{stat} {state}", "EXPIRED 3"},
		{"err", "{err} {err:1} {err:5}", "027 027 00027"},
		{"addresses", "{source_addr} {dest_addr}", "8080 491701234567"},
		{"text", "{text}", "01234567890123456789"},
		{"short text", "{text:3}", "012"},
		{"long text", "{text:255}", strings.Repeat("0123456789", 26)[:255]},
		{"line breaks", "id:{id}\r\nstat:{stat}\n", "id:4711\r\nstat:EXPIRED\n"},
		{"not only ASCII", "№ {id}", "№ 4711"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tmpl := parseTemplate(t, c.source)
			got, err := tmpl.Append([]byte("x"), r)
			if string(got) != "x"+c.want || err != nil {
				t.Errorf("%q, %v, want %q", got, err, c.want)
			}
			if got, err := tmpl.Append([]byte("x"), &sms.Receipt{}); string(got) != "x" || err == nil {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	if got, err := new(sms.ReceiptTemplate).Append(nil, r); len(got) != 0 || err != nil {
		t.Errorf("zero value: %q, %v", got, err)
	}
	// StandardReceipt and no template are the same.
	m := &pdu.SubmitSM{Source: acme, Dest: alice, ShortMessage: []byte("hello")}
	a, err := sms.Profile{}.WriteReceipt(m, *r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := sms.Profile{ReceiptTemplate: parseTemplate(t, sms.StandardReceipt)}.WriteReceipt(m, *r)
	if err != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("%+v and %+v, %v", a, b, err)
	}
}

func TestReceiptTemplateErrors(t *testing.T) {
	for _, c := range []struct {
		name, source string
		words        []string
	}{
		{"not closed", "id:{id stat:{stat}", []string{"octet 3", "ends with }", "{{"}},
		{"not closed at the end", "id:{", []string{"octet 3", "ends with }"}},
		{"not opened", "id:id}", []string{"octet 5", "}}"}},
		{"empty", "{}", []string{"octet 0", `"{}"`, "{id}"}},
		{"unknown", "x {message}", []string{"octet 2", `"{message}"`, "{id}", "{stat}", "{text}"}},
		{"case", "{ID}", []string{`"{ID}"`, "{id}"}},
		{"blank", "{ id}", []string{`"{ id}"`}},
		{"no argument", "{stat:7}", []string{`"{stat:7}"`, "{stat} alone"}},
		{"empty width", "{sub:}", []string{"1 to 9"}},
		{"wide", "{sub:10}", []string{"{sub:10}", "1 to 9"}},
		{"negative", "{err:-1}", []string{"1 to 8"}},
		{"zero", "{text:0}", []string{"1 to 255"}},
		{"huge", "{text:99999999999999999999}", []string{"1 to 255"}},
		{"no date", "{submit_date:}", []string{"layout"}},
		{"date letter", "{submit_date:YYMMDDHHmm}", []string{"{submit_date:YYMMDDHHmm}", "hh"}},
		{"date digit", "{done_date:20YYMMDD}", []string{"hh"}},
		{"half a date element", "{done_date:YYY}", []string{"YYYY"}},
		{"long date", "{done_date:" + strings.Repeat("YYYY", 11) + "}", []string{"40"}},
		{"text is not the last", "text:{text} id:{id}", []string{"octet 15", "nothing behind {text}"}},
		{"something behind text", "{text}.", []string{`"."`, "nothing behind {text}"}},
		{"control", "id:\x00{id}", []string{"octet 3", "control"}},
		{"not UTF-8", "id:{id}\xFF", []string{"UTF-8"}},
		{"too long", strings.Repeat("x", 1025), []string{"1025", "1024"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tmpl, err := sms.ParseReceiptTemplate(c.source)
			if tmpl != nil {
				t.Errorf("template %v", tmpl)
			}
			wantError(t, err, append(c.words, "receipt template")...)
		})
	}
}

// randomReceipt makes a receipt that can be written and read in the standard layout and in variations of it.
func randomReceipt(r *rand.Rand) sms.Receipt {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	letters := func(from string, n int) string {
		var b strings.Builder
		for range n {
			b.WriteByte(from[r.IntN(len(from))])
		}
		return b.String()
	}
	date := func() time.Time {
		if r.IntN(5) == 0 {
			return time.Time{}
		}
		// Not in 2001 to 2012, where 12 digits can be read in two ways, and with years of four digits only from then on.
		return time.Date(2013+r.IntN(24), 1, 2, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.Int64N(int64(360 * 24 * time.Hour)))).Truncate(time.Minute)
	}
	c := sms.Receipt{
		ID:         pick(letters("0123456789", 1+r.IntN(20)), letters("0123456789abcdef", 32), letters("ABCDEF0123456789-", 36), "a:b.c-d/e", "id:stat:1"),
		SubmitDate: date(), DoneDate: date(),
		State: pdu.MessageState(r.IntN(10)), HasState: true,
		Err:          pick("", "0", "027", "21b", "EC-012", "12345678"),
		HasText:      true,
		Text:         pick("", "Hello world", "id:666 stat:UNDELIV", "text: text:", "err:5\r\nid:7", "0123456789abcdefghij", "100% {id} {{"),
		Intermediate: r.IntN(4) == 0,
	}
	if r.IntN(2) == 0 {
		c.NetworkError = &pdu.NetworkError{Type: pdu.NetworkErrorType(r.IntN(8)), Code: uint16(r.IntN(65536))}
	}
	if r.IntN(2) == 0 {
		c.Submitted, c.Delivered = new(r.IntN(1000)), new(r.IntN(1000))
	}
	return c
}

// What is written is read: every field, in every alphabet and layout, with the TLVs and by the text alone.
func TestReceiptRoundTrip(t *testing.T) {
	alphabets := []coding.Charset{nil, coding.ASCII, coding.Latin1, coding.UTF16}
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range 5000 {
		want := randomReceipt(r)
		p := sms.Profile{Alphabet: alphabets[r.IntN(len(alphabets))], Zone: time.FixedZone("mc", (r.IntN(27)-12)*3600)}
		if r.IntN(4) > 0 { // a layout of labels in any order, with any dates
			pieces := []string{"id:{id}", "SUB:{sub}", "Dlvrd: {dlvrd}", "stat:{stat}", "err:{err}"}
			for _, label := range []string{"submit", "done"} {
				sep := []string{" ", "_", "\n"}[r.IntN(3)]
				layout := []string{"", ":YYMMDDhhmmss", ":YYYYMMDDhhmm", ":YYYYMMDDhhmmss"}[r.IntN(4)]
				pieces = append(pieces, label+sep+"date:{"+label+"_date"+layout+"}")
			}
			r.Shuffle(len(pieces), func(i, j int) { pieces[i], pieces[j] = pieces[j], pieces[i] })
			p.ReceiptTemplate = parseTemplate(t, strings.Join(pieces, " ")+" text:{text}")
		}
		d, err := p.WriteReceipt(&pdu.SubmitSM{Source: acme, Dest: alice}, want)
		if err != nil {
			t.Fatalf("seed %d: %+v: %v", seed, want, err)
		}
		got, ok := p.ReadReceipt(overTheWire(t, d))
		alone, okAlone := sms.ParseReceipt(p.Text(d), p.Zone)
		if !ok || !okAlone {
			t.Fatalf("seed %d, %d: not read: %q", seed, i, p.Text(d))
		}
		show := func(r *sms.Receipt, written bool) string {
			stat, err := r.Stat, r.Err
			var sub, dlvrd int
			if written { // what is written where nothing is set
				line, _ := r.AppendText(nil)
				again, _ := sms.ParseReceipt(string(line), nil)
				stat, err, sub, dlvrd = again.Stat, again.Err, *again.Submitted, *again.Delivered
			} else {
				sub, dlvrd = *r.Submitted, *r.Delivered
			}
			return fmt.Sprintf("id %q stat %q state %v %v err %q sub %d dlvrd %d dates %v %v text %q", r.ID, stat, r.State, r.HasState, err, sub, dlvrd,
				r.SubmitDate.UTC(), r.DoneDate.UTC(), strings.TrimSpace(r.Text))
		}
		expected := show(&want, true)
		if a, b := show(got, false), show(alone, false); a != expected || b != expected {
			t.Fatalf("seed %d, %d: %q\n with TLVs %s\n by text   %s\nwant       %s", seed, i, p.Text(d), a, b, expected)
		}
		if got.Intermediate != want.Intermediate || !reflect.DeepEqual(got.NetworkError, want.NetworkError) || got.Source != acme || got.Dest != alice {
			t.Fatalf("seed %d, %d: %+v\nwant %+v", seed, i, got, want)
		}
	}
}

func FuzzReceiptTemplate(f *testing.F) {
	for _, s := range []string{sms.StandardReceipt, "", "{{}}", "{id:10}{sub:1}{dlvrd}", "{submit_date:YYYY-MM-DD hh:mm:ss}", "{err:4}{state}{text:9}", "{", "}", "{text}x", "{source_addr},{dest_addr}"} {
		f.Add(s)
	}
	r := &sms.Receipt{ID: "4711", Source: acme, Dest: alice, Stat: "DELIVRD", Text: "a text of some length, as texts are", HasText: true}
	f.Fuzz(func(t *testing.T, source string) {
		tmpl, err := sms.ParseReceiptTemplate(source)
		if (tmpl == nil) == (err == nil) {
			t.Fatalf("%v, %v", tmpl, err)
		}
		if err != nil {
			wantError(t, err, "receipt template")
			return
		}
		got, err := tmpl.Append(nil, r)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.ContainsAny(source, "{}") && string(got) != source {
			t.Fatalf("%q writes %q", source, got)
		}
		p := sms.Profile{ReceiptTemplate: tmpl}
		d, err := p.WriteReceipt(&pdu.SubmitSM{Source: acme, Dest: alice}, *r)
		if err != nil {
			t.Fatalf("%q: %v", source, err)
		}
		if back, ok := p.ReadReceipt(overTheWire(t, d)); !ok || back.ID != "4711" || back.State != pdu.StateDelivered || back.Raw != string(got) && d.DataCoding == 8 {
			t.Fatalf("%q: %+v", source, back)
		}
	})
}
