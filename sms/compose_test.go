package sms_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/godwit-sms/smpp/coding"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
	"github.com/godwit-sms/smpp/tlv"
)

// repeat returns n characters.
func repeat(s string, n int) string { return strings.Repeat(s, n) }

func TestCompose(t *testing.T) {
	flash := coding.ClassDisplay
	turkish := coding.National(coding.DefaultLanguage, coding.Turkish)
	for _, c := range []struct {
		name    string
		profile sms.Profile
		options *sms.Options
		text    string
		dc      pdu.DataCoding
		sizes   []int // octets of short_message
	}{
		{"empty", sms.Profile{}, nil, "", 0, []int{0}},
		{"short", sms.Profile{}, nil, "hi", 0, []int{2}},
		{"P12 160 characters", sms.Profile{}, nil, repeat("a", 160), 0, []int{160}},
		{"161 characters", sms.Profile{}, nil, repeat("a", 161), 0, []int{159, 14}},
		{"306 characters", sms.Profile{}, nil, repeat("a", 306), 0, []int{159, 159}},
		{"16 bits", sms.Profile{}, &sms.Options{Method: sms.ByUDH16}, repeat("a", 161), 0, []int{159, 16}},
		{"80 euros", sms.Profile{}, nil, repeat("€", 80), 0, []int{160}},
		{"an escape at the end of a part", sms.Profile{}, nil, repeat("a", 152) + repeat("€", 5), 0, []int{158, 16}},
		{"70 units", sms.Profile{}, nil, repeat("П", 70), 8, []int{140}},
		{"71 units", sms.Profile{}, nil, repeat("П", 71), 8, []int{140, 14}},
		{"71 units, 16 bits", sms.Profile{}, &sms.Options{Method: sms.ByUDH16}, repeat("П", 71), 8, []int{139, 17}},
		{"P12 100 emoji", sms.Profile{}, nil, repeat("😀", 100), 8, []int{138, 138, 138, 10}},
		{"Latin 1 allowed", sms.Profile{}, &sms.Options{Charsets: []coding.Charset{coding.GSM7, coding.Latin1, coding.UTF16}}, "garçon", 3, []int{6}},
		{"Latin 1, 140 octets", sms.Profile{}, &sms.Options{Charsets: []coding.Charset{coding.Latin1}}, repeat("ç", 140), 3, []int{140}},
		{"Latin 1, 141 octets", sms.Profile{}, &sms.Options{Charsets: []coding.Charset{coding.Latin1}}, repeat("ç", 141), 3, []int{140, 13}},
		{"B13 ASCII is never chosen by itself", sms.Profile{}, nil, "plain", 0, []int{5}},
		{"GSM before Latin 1 for fewer bits", sms.Profile{}, &sms.Options{Charsets: []coding.Charset{coding.Latin1, coding.GSM7}}, "plain", 0, []int{5}},
		{"alphabet", sms.Profile{Alphabet: coding.Latin1}, nil, "garçon", 0, []int{6}},
		{"GSM by another data_coding", sms.Profile{Alphabet: coding.Latin1, Charsets: map[pdu.DataCoding]coding.Charset{0xF1: coding.GSM7}}, &sms.Options{Charsets: []coding.Charset{coding.GSM7}}, "hi@", 0xF1, []int{3}},
		{"national", sms.Profile{}, &sms.Options{Charsets: []coding.Charset{coding.GSM7, turkish, coding.UTF16}}, repeat("ş", 76), 0, []int{4 + 152}},
		{"national in parts", sms.Profile{}, &sms.Options{Charsets: []coding.Charset{coding.GSM7, turkish, coding.UTF16}}, repeat("ş", 100), 0, []int{9 + 148, 9 + 52}},
		{"no table that saves no part", sms.Profile{}, &sms.Options{Languages: sms.AllLanguages()}, repeat("€", 10), 0, []int{20}},
		{"a table that saves a part", sms.Profile{}, &sms.Options{Languages: []coding.Language{coding.Turkish}}, repeat("€", 90), 0, []int{4 + 90}},
		{"flash", sms.Profile{}, &sms.Options{Class: &flash}, "hi", 0xF0, []int{2}},
		{"flash UCS2", sms.Profile{}, &sms.Options{Class: &flash}, "П", 0x18, []int{2}},
		{"header", sms.Profile{}, &sms.Options{Header: sms.UDH{sms.Ports(2948, 9200)}}, "hi", 0, []int{9}},
		{"header in parts", sms.Profile{}, &sms.Options{Header: sms.UDH{sms.Ports(2948, 9200)}}, repeat("a", 153), 0, []int{12 + 146, 12 + 7}},
		{"SAR", sms.Profile{}, &sms.Options{Method: sms.BySAR}, repeat("a", 161), 0, []int{152, 9}},
	} {
		t.Run(c.name, func(t *testing.T) {
			list, err := c.profile.Compose(&pdu.SubmitSM{Source: acme, Dest: alice}, c.text, c.options)
			if err != nil {
				t.Fatal(err)
			}
			var sizes []int
			j := sms.Joiner{Profile: c.profile}
			for i, m := range list {
				sizes = append(sizes, len(m.ShortMessage))
				if m.DataCoding != c.dc || m.Source != acme || m.Dest != alice {
					t.Errorf("%+v", m)
				}
				if m, ok := add(t, &j, overTheWire(t, m)); ok != (i == len(list)-1) || ok && m.Text != c.text {
					t.Errorf("part %d joins to %+v, %t", i, m, ok)
				}
			}
			if !slices.Equal(sizes, c.sizes) {
				t.Errorf("octets %v, want %v", sizes, c.sizes)
			}
		})
	}
}

func TestComposePayload(t *testing.T) {
	text := repeat("Grüße ", 2000)
	list, err := sms.Profile{}.Compose(&pdu.SubmitSM{Dest: alice}, text, &sms.Options{Method: sms.ByPayload})
	if err != nil || len(list) != 1 {
		t.Fatal(len(list), err)
	}
	if m := list[0]; len(m.ShortMessage) != 0 || sms.Text(overTheWire(t, m)) != text || m.ESMClass != 0 {
		t.Errorf("%d octets of short_message, esm_class %#02x", len(m.ShortMessage), m.ESMClass)
	}
	list, err = sms.Profile{}.Compose(&pdu.SubmitSM{Dest: alice}, text, &sms.Options{Method: sms.ByPayload, Header: sms.UDH{sms.Ports(1, 2)}})
	if err != nil || !list[0].ESMClass.HasUDHI() || sms.Text(list[0]) != text {
		t.Error("with a header", err)
	}
	list, err = sms.Profile{}.Compose(&pdu.SubmitSM{Dest: alice}, "short", &sms.Options{Method: sms.ByPayload})
	if err != nil || string(list[0].ShortMessage) != "short" || len(list[0].TLVs) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	_, err = sms.Profile{}.Compose(&pdu.SubmitSM{}, repeat("a", 65536), &sms.Options{Method: sms.ByPayload})
	wantError(t, err, "message_payload", "65536", "65535")
}

func TestComposeTemplate(t *testing.T) {
	template := &pdu.SubmitSM{
		ServiceType: "CMT", Source: acme, Dest: alice, ESMClass: pdu.ReplyPath | pdu.ModeStoreAndForward | pdu.UDHI, ProtocolID: 1, PriorityFlag: 2,
		ScheduleDeliveryTime: "240301123000000+", ValidityPeriod: "000001000000000R", RegisteredDelivery: pdu.FinalReceipt | pdu.DeliveryAck,
		TLVs: tlv.List{pdu.TLVUserMessageReference.Option(7)},
	}
	before := *template
	list, err := sms.Profile{}.Compose(template, repeat("a", 400), &sms.Options{ReceiptOnLast: true,
		Reference: func(source, dest pdu.Address) uint16 {
			if source != acme || dest != alice {
				t.Errorf("reference for %v and %v", source, dest)
			}
			return 0x1234
		}})
	if err != nil || len(list) != 3 {
		t.Fatal(len(list), err)
	}
	for i, m := range list {
		want := pdu.NoReceipt
		if i == 2 {
			want = pdu.FinalReceipt | pdu.DeliveryAck
		}
		if n, _ := pdu.TLVUserMessageReference.Get(m.TLVs); n != 7 || m.RegisteredDelivery != want || m.ValidityPeriod != template.ValidityPeriod ||
			m.ScheduleDeliveryTime != template.ScheduleDeliveryTime || m.ESMClass != 0xC3 || m.ServiceType != "CMT" || m.ProtocolID != 1 || m.PriorityFlag != 2 {
			t.Errorf("part %d: %+v", i, m)
		}
		if d, _ := sms.UserData(m); d.Concat != (sms.Concat{Reference: 0x34, Total: 3, Index: uint8(i + 1)}) {
			t.Errorf("part %d: %+v", i, d.Concat)
		}
	}
	list[0].TLVs[0].Value[1] = 9 // parts share no TLVs
	if n, _ := pdu.TLVUserMessageReference.Get(list[1].TLVs); n != 7 || template.ESMClass != before.ESMClass || template.ShortMessage != nil || len(template.TLVs) != 1 {
		t.Error("parts and template share memory")
	}
	list, err = sms.Profile{}.Compose(template, "hi", nil)
	if err != nil || list[0].ESMClass != 0x83 || list[0].RegisteredDelivery != template.RegisteredDelivery {
		t.Errorf("UDHI without a header: %+v, %v", list[0], err)
	}
	list, err = sms.Profile{}.Compose(&pdu.SubmitSM{DataCoding: 0x10}, "hi@", nil)
	if err != nil || list[0].DataCoding != 0x10 || string(list[0].ShortMessage) != "hi\x00" {
		t.Errorf("data_coding of the template: %+v, %v", list, err)
	}
	// B14: any data_coding with a character set will do.
	for dc, want := range map[pdu.DataCoding]string{1: "a@", 3: "a@", 4: "a@", 6: "a@", 7: "a@", 0x18: "\x00a\x00@"} {
		list, err = sms.Profile{}.Compose(&pdu.SubmitSM{DataCoding: dc}, "a@", nil)
		if err != nil || list[0].DataCoding != dc || string(list[0].ShortMessage) != want {
			t.Errorf("B14 data_coding %#02x: %+v, %v", dc, list, err)
		}
	}
	for _, m := range []sms.Method{sms.ByUDH16, sms.BySAR} {
		list, err = sms.Profile{}.Compose(&pdu.SubmitSM{}, repeat("a", 200), &sms.Options{Method: m, Reference: func(_, _ pdu.Address) uint16 { return 0x1234 }})
		if d, _ := sms.UserData(list[1]); err != nil || d.Concat != (sms.Concat{Reference: 0x1234, Total: 2, Index: 2}) || d.Method != m {
			t.Errorf("%v: %+v, %v", m, d, err)
		}
	}
}

func TestComposeErrors(t *testing.T) {
	bad := coding.MessageClass(4)
	flash := coding.ClassDisplay
	long := repeat("a", 400)
	type o = sms.Options
	for _, c := range []struct {
		name     string
		template *pdu.SubmitSM
		text     string
		options  *sms.Options
		words    []string
	}{
		{"no template", nil, "x", nil, []string{"template"}},
		{"short_message", &pdu.SubmitSM{ShortMessage: []byte("x")}, "x", nil, []string{"short_message", "empty"}},
		{"message_payload", &pdu.SubmitSM{TLVs: tlv.List{pdu.TLVMessagePayload.Option(nil)}}, "x", nil, []string{"message_payload"}},
		{"SAR", &pdu.SubmitSM{TLVs: tlv.List{pdu.TLVSARTotalSegments.Option(1)}}, "x", nil, []string{"sar_total_segments"}},
		{"schedule", &pdu.SubmitSM{ScheduleDeliveryTime: "soon"}, "x", nil, []string{"schedule_delivery_time", "soon", "16"}},
		{"validity", &pdu.SubmitSM{ValidityPeriod: "240230000000000+"}, "x", nil, []string{"validity_period", "calendar"}},
		{"not UTF-8", &pdu.SubmitSM{}, "a\xFF", nil, []string{"UTF-8", "byte 1"}},
		{"B11 not in the charset", &pdu.SubmitSM{}, "naïve", &o{Charsets: []coding.Charset{coding.GSM7}}, []string{"U+00EF", "GSM 7-bit"}},
		{"not in the data_coding", &pdu.SubmitSM{DataCoding: 1}, "café", nil, []string{"U+00E9", "ASCII"}},
		{"unknown data_coding", &pdu.SubmitSM{DataCoding: 0x0B}, "x", nil, []string{"data_coding", "0x0b"}},
		{"data_coding and charsets", &pdu.SubmitSM{DataCoding: 8}, "x", &o{Charsets: []coding.Charset{coding.UTF16}}, []string{"data_coding", "0x08"}},
		{"data_coding and class", &pdu.SubmitSM{DataCoding: 8}, "x", &o{Class: &flash}, []string{"data_coding"}},
		{"class", &pdu.SubmitSM{}, "x", &o{Class: &bad}, []string{"Class", "4"}},
		{"class and Latin 1", &pdu.SubmitSM{}, "x", &o{Class: &flash, Charsets: []coding.Charset{coding.Latin1}}, []string{"ISO 8859-1", "class"}},
		{"method", &pdu.SubmitSM{}, "x", &o{Method: 9}, []string{"Method", "9"}},
		{"MaxParts", &pdu.SubmitSM{}, "x", &o{MaxParts: 256}, []string{"MaxParts", "256", "255"}},
		{"too long", &pdu.SubmitSM{}, long, &o{MaxParts: 2}, []string{"3 parts", "2 at most"}},
		{"256 parts", &pdu.SubmitSM{}, repeat("a", 255*153+1), nil, []string{"256 parts", "255"}},
		{"header too long", &pdu.SubmitSM{}, "x", &o{Header: sms.UDH{{Data: make([]byte, 254)}}}, []string{"user data header", "257"}},
		{"no room in one", &pdu.SubmitSM{}, "", &o{Header: sms.UDH{{ID: 0x70, Data: make([]byte, 140)}}}, []string{"user data header", "140"}},
		{"no room in parts", &pdu.SubmitSM{}, "П", &o{Header: sms.UDH{{ID: 0x70, Data: make([]byte, 136)}}}, []string{"user data header", "144"}},
		{"header of a part", &pdu.SubmitSM{}, long, &o{Header: sms.UDH{sms.Concat8(1, 2, 1)}}, []string{"Header", "parts"}},
		{"header and SAR", &pdu.SubmitSM{}, long, &o{Method: sms.BySAR, Header: sms.UDH{sms.Ports(1, 2)}}, []string{"Header", "SAR"}},
		{"header announces another table", &pdu.SubmitSM{}, "x", &o{Charsets: []coding.Charset{coding.GSM7}, Header: sms.UDH{sms.LockingShift(coding.Turkish)}}, []string{"GSM 7-bit"}},
		{"parts that replace each other", &pdu.SubmitSM{ReplaceIfPresent: 1}, long, nil, []string{"replace_if_present_flag", "3 parts"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			list, err := sms.Profile{}.Compose(c.template, c.text, c.options)
			if list != nil {
				t.Errorf("%d messages", len(list))
			}
			wantError(t, err, c.words...)
		})
	}
	var e *coding.EncodeError
	if _, err := (sms.Profile{}).Compose(&pdu.SubmitSM{}, "x☕", &sms.Options{Charsets: []coding.Charset{coding.Latin1}}); !errors.As(err, &e) || e.Rune != '☕' {
		t.Errorf("no *coding.EncodeError in %v", err)
	}
}

func TestComposeBinary(t *testing.T) {
	octets := make([]byte, 300)
	for i := range octets {
		octets[i] = byte(i)
	}
	class := coding.ClassSIM
	for _, c := range []struct {
		name     string
		template pdu.SubmitSM
		options  *sms.Options
		dc       pdu.DataCoding
		parts    int
	}{
		{"default", pdu.SubmitSM{}, nil, 4, 3},
		{"data_coding", pdu.SubmitSM{DataCoding: 0xF6}, nil, 0xF6, 3},
		{"unknown data_coding", pdu.SubmitSM{DataCoding: 11}, nil, 11, 3},
		{"class", pdu.SubmitSM{}, &sms.Options{Class: &class}, 0xF6, 3},
		{"port", pdu.SubmitSM{}, &sms.Options{Header: sms.UDH{sms.Ports(5506, 0)}}, 4, 3},
		{"payload", pdu.SubmitSM{}, &sms.Options{Method: sms.ByPayload}, 4, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			list, err := sms.Profile{}.ComposeBinary(&c.template, octets, c.options)
			if err != nil || len(list) != c.parts {
				t.Fatal(len(list), err)
			}
			var j sms.Joiner
			for _, m := range list {
				if m.DataCoding != c.dc || len(m.ShortMessage) > 140 {
					t.Errorf("data_coding %#02x, %d octets", m.DataCoding, len(m.ShortMessage))
				}
				if whole, ok := add(t, &j, m); ok && string(whole.Octets()) != string(octets) {
					t.Errorf("% X", whole.Octets())
				}
			}
			if j.Waiting() != 0 {
				t.Error("not complete")
			}
		})
	}
	_, err := sms.Profile{}.ComposeBinary(&pdu.SubmitSM{DataCoding: 8}, octets, nil)
	wantError(t, err, "data_coding", "0x08", "UTF-16")
	_, err = sms.Profile{}.ComposeBinary(&pdu.SubmitSM{}, octets, &sms.Options{Charsets: []coding.Charset{nil}})
	wantError(t, err, "Charsets")
	_, err = sms.Profile{}.ComposeBinary(&pdu.SubmitSM{DataCoding: 4}, octets, &sms.Options{Class: &class})
	wantError(t, err, "data_coding")
}

// B17: there is no data_coding in replace_sm, so what cannot be written is an error, and another character set must be named.
func TestB17ComposeReplace(t *testing.T) {
	template := &pdu.ReplaceSM{MessageID: "1", Source: acme}
	m, err := sms.Profile{}.ComposeReplace(template, "5 €", nil)
	if err != nil || string(m.ShortMessage) != "5 \x1Be" || m.MessageID != "1" || sms.Text(m) != "5 €" || template.ShortMessage != nil {
		t.Errorf("%+v, %v", m, err)
	}
	_, err = sms.Profile{}.ComposeReplace(template, "Привет", nil)
	wantError(t, err, "replace_sm", "data_coding", "U+041F")
	m, err = sms.Profile{}.ComposeReplace(template, "Привет", &sms.Options{Charsets: []coding.Charset{coding.UTF16}})
	if err != nil || len(m.ShortMessage) != 12 || m.ShortMessage[0] != 4 {
		t.Errorf("%+v, %v", m, err)
	}
	_, err = sms.Profile{}.ComposeReplace(template, "x", &sms.Options{Charsets: []coding.Charset{coding.UTF16, nil}})
	wantError(t, err, "Charsets")
	_, err = sms.Profile{}.ComposeReplace(template, repeat("a", 161), nil)
	wantError(t, err, "161", "160")
	m, err = sms.Profile{}.ComposeReplace(template, repeat("a", 161), &sms.Options{Method: sms.ByPayload})
	if err != nil || len(m.ShortMessage) != 0 || sms.Text(m) != repeat("a", 161) {
		t.Errorf("%+v, %v", m, err)
	}
	_, err = sms.Profile{}.ComposeReplace(nil, "x", nil)
	wantError(t, err, "template")
	_, err = sms.Profile{}.ComposeReplace(&pdu.ReplaceSM{ShortMessage: []byte("x")}, "x", nil)
	wantError(t, err, "short_message")
	m, err = sms.Profile{Alphabet: coding.Latin1}.ComposeReplace(template, "café", nil)
	if err != nil || string(m.ShortMessage) != "caf\xE9" {
		t.Errorf("%+v, %v", m, err)
	}
}

// A Header of the Alphabet does not count: that of the message does.
func TestPackedHeader(t *testing.T) {
	alphabet := coding.Packed{Header: 6}
	p := sms.Profile{Alphabet: alphabet}
	const text = "Hello"
	m, err := p.ComposeReplace(&pdu.ReplaceSM{}, text, nil)
	if err != nil || p.Text(m) != text {
		t.Errorf("%q, %v", p.Text(m), err)
	}
	m, err = sms.Profile{}.ComposeReplace(&pdu.ReplaceSM{}, text, &sms.Options{Charsets: []coding.Charset{alphabet}})
	if err != nil || p.Text(m) != text {
		t.Errorf("%q, %v", p.Text(m), err)
	}
	list, err := p.Compose(&pdu.SubmitSM{}, text, nil)
	if err != nil || p.Text(list[0]) != text {
		t.Errorf("%v, %v", list, err)
	}
	d, err := p.WriteReceipt(list[0], sms.Receipt{ID: "1", Stat: "DELIVRD"})
	if err != nil {
		t.Fatal(err)
	}
	if r, ok := p.ReadReceipt(d); !ok || r.Stat != "DELIVRD" || r.Text != text {
		t.Errorf("%+v, %t", r, ok)
	}
}

func TestEstimate(t *testing.T) {
	turkish := coding.National(coding.DefaultLanguage, coding.Turkish)
	for _, c := range []struct {
		name    string
		text    string
		options *sms.Options
		want    sms.Estimate
	}{
		{"empty", "", nil, sms.Estimate{Charset: coding.GSM7, Parts: 1, UnitsPerPart: 160, UnitsLeft: 160}},
		{"GSM", "5 €", nil, sms.Estimate{Charset: coding.GSM7, Parts: 1, Units: 4, UnitsPerPart: 160, UnitsLeft: 156}},
		{"two parts", repeat("a", 161), nil, sms.Estimate{Charset: coding.GSM7, Parts: 2, Units: 161, UnitsPerPart: 153, UnitsLeft: 145}},
		{"an escape moves on", repeat("a", 152) + repeat("€", 5), nil, sms.Estimate{Charset: coding.GSM7, Parts: 2, Units: 162, UnitsPerPart: 153, UnitsLeft: 143}},
		{"UTF-16", "Привет @ 😀 и 😀", nil, sms.Estimate{Charset: coding.UTF16, DataCoding: 8, Parts: 1, Units: 16, UnitsPerPart: 70, UnitsLeft: 54, Forcing: []rune("Привет😀")}},
		{"UTF-16, parts", repeat("ç", 70) + "x", nil, sms.Estimate{Charset: coding.UTF16, DataCoding: 8, Parts: 2, Units: 71, UnitsPerPart: 67, UnitsLeft: 63, Forcing: []rune("ç")}},
		{"national", "ş", &sms.Options{Charsets: []coding.Charset{coding.UTF16, coding.GSM7, turkish}}, sms.Estimate{Charset: coding.UTF16, DataCoding: 8, Parts: 1, Units: 1, UnitsPerPart: 70, UnitsLeft: 69, Forcing: []rune("ş")}},
		{"Latin 1", "ça", &sms.Options{Charsets: []coding.Charset{coding.UTF16, coding.Latin1}}, sms.Estimate{Charset: coding.Latin1, DataCoding: 3, Parts: 1, Units: 2, UnitsPerPart: 140, UnitsLeft: 138}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := sms.Profile{}.Estimate(c.text, c.options)
			c.want.Text = c.text
			if err != nil || fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%+v, %v\nwant %+v", got, err, c.want)
			}
		})
	}
	_, err := sms.Profile{}.Estimate("\xFF", nil)
	wantError(t, err, "UTF-8")
	_, err = sms.Profile{}.Estimate("x", &sms.Options{MaxParts: -1})
	wantError(t, err, "MaxParts")
}

// The sizes of the table, for each header: a text that just fits, and one that does not.
func TestSegments(t *testing.T) {
	both := coding.National(coding.Turkish, coding.Turkish)
	single := coding.National(coding.DefaultLanguage, coding.Spanish)
	type row struct {
		gsm    coding.Charset
		header sms.UDH // of the same size, for character sets that need none
		method sms.Method
		parts  bool
	}
	rows := map[string]row{
		"none":                         {coding.GSM7, nil, 0, false},
		"concat_8bit":                  {coding.GSM7, nil, sms.ByUDH, true},
		"concat_16bit":                 {coding.GSM7, nil, sms.ByUDH16, true},
		"single_shift":                 {single, sms.UDH{sms.SingleShift(coding.Spanish)}, 0, false},
		"locking_and_single_shift":     {both, sms.UDH{sms.LockingShift(coding.Turkish), sms.SingleShift(coding.Turkish)}, 0, false},
		"concat_8bit_and_single_shift": {single, sms.UDH{sms.SingleShift(coding.Spanish)}, sms.ByUDH, true},
		"concat_8bit_and_both_shifts":  {both, sms.UDH{sms.LockingShift(coding.Turkish), sms.SingleShift(coding.Turkish)}, sms.ByUDH, true},
	}
	for _, c := range readJSON[userDataFile](t, "user_data.json").Segments.Capacity {
		r, ok := rows[c.UDH]
		if !ok {
			t.Errorf("no test for %s", c.UDH)
			continue
		}
		for _, kind := range []struct {
			cs     coding.Charset
			header sms.UDH
			units  int
		}{{r.gsm, nil, c.Septets}, {coding.Latin1, r.header, c.Octets8}, {coding.UTF16, r.header, c.UCS2Chars}} {
			t.Run(c.UDH+" "+kind.cs.String(), func(t *testing.T) {
				o := &sms.Options{Charsets: []coding.Charset{kind.cs}, Header: kind.header, Method: r.method}
				text, parts := repeat("a", kind.units), 1
				if r.parts {
					text, parts = text+text, 2
				}
				e, err := sms.Profile{}.Estimate(text, o)
				if err != nil || e.Parts != parts || e.UnitsPerPart != kind.units || e.UnitsLeft != 0 {
					t.Errorf("%+v, %v, want %d units", e, err, kind.units)
				}
				if e, err := (sms.Profile{}).Estimate(text+"a", o); err != nil || e.Parts != parts+1 {
					t.Errorf("one more: %+v, %v", e, err)
				}
			})
		}
	}
}

// alphabets are the kinds of characters that random texts are made of.
var alphabets = []string{
	"abcdefghijklmnopqrstuvwxyz ABC 0123456789.,?!",
	"éèùìòÇØøÅåÄÖÑÜäöñüà¿¡§ abc",
	"€[]{}\\~^| ab",
	"çÁíóúêâ ŞşĞğİı ãõ",
	"Приветмир 你好世界 שלום",
	"😀🎉👍🏽 👨‍👩‍👧 é",
}

func randomText(r *rand.Rand) string {
	var b strings.Builder
	n := r.IntN(600)
	mix := r.IntN(3)
	letters := []rune(alphabets[r.IntN(len(alphabets))])
	for range n {
		if mix > 0 && r.IntN(1<<(4*mix)) == 0 {
			letters = []rune(alphabets[r.IntN(len(alphabets))])
		}
		b.WriteRune(letters[r.IntN(len(letters))])
	}
	return b.String()
}

// checkSplit composes a text, checks the parts and joins them in random order.
func checkSplit(t testing.TB, p sms.Profile, text string, o *sms.Options, r *rand.Rand) {
	e, err := p.Estimate(text, o)
	if err != nil {
		if !utf8.ValidString(text) {
			return
		}
		t.Fatalf("%q: %v", text, err)
	}
	list, err := p.Compose(&pdu.SubmitSM{Source: acme, Dest: alice}, text, o)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	split, err := p.Split(text, 0, 7, o)
	if err != nil || len(split) != len(list) || e.Parts != len(list) {
		t.Fatalf("%q: estimate %d, composed %d, split %d, %v", text, e.Parts, len(list), len(split), err)
	}
	units := 0
	for i, m := range list {
		d, _ := sms.UserData(m)
		_, isGSM := e.Charset.(coding.GSM)
		packed, isPacked := e.Charset.(coding.Packed)
		onAir := len(d.Raw)
		if isGSM {
			onAir = d.Header.Len() + (7*len(d.Octets)+7)/8
			if n := d.Header.Len(); n > 0 { // fill bits up to a septet
				onAir = ((8*n+6)/7*7 + 7*len(d.Octets) + 7) / 8
			}
		}
		if d.Method == sms.BySAR {
			onAir += 7
		}
		if m.DataCoding != e.DataCoding || d.Method != sms.ByPayload && onAir > 140 {
			t.Fatalf("%q: part %d has %d octets on the air, data_coding %#02x", text, i, onAir, m.DataCoding)
		}
		if s := split[i]; string(s.Octets) != string(d.Octets) || s.DataCoding != m.DataCoding || s.ESMClass != m.ESMClass || s.Concat.Index != d.Concat.Index || s.Method != d.Method {
			t.Fatalf("%q: part %d is %+v, split %+v", text, i, d, s)
		}
		if own := p.Text(m); strings.ContainsRune(own, utf8.RuneError) && !strings.ContainsRune(text, utf8.RuneError) {
			t.Fatalf("%q: part %d is %q", text, i, own)
		}
		if isPacked {
			n, _ := coding.Len(packed.Alphabet, p.Text(m))
			units += n
		} else {
			units += len(d.Octets)
		}
	}
	per := 1
	if e.Charset == coding.UTF16 {
		per = 2
	}
	if units != e.Units*per {
		t.Fatalf("%q: %d octets, estimate %d units", text, units, e.Units)
	}
	if least := newOptimum(p, o).parts(e.Charset, text); len(list) != least {
		t.Fatalf("%q: %d parts in %v, %d are enough", text, len(list), e.Charset, least)
	}
	j := sms.Joiner{Profile: p}
	for n, i := range r.Perm(len(list)) {
		m, ok := add(t, &j, deliver(list[i]))
		if ok != (n == len(list)-1) || ok && m.Text != text {
			t.Fatalf("%q: joined to %+v, %t", text, m, ok)
		}
	}
}

var splitOptions = []*sms.Options{
	nil,
	{Method: sms.ByUDH16},
	{Method: sms.BySAR},
	{Method: sms.ByPayload},
	{Header: sms.UDH{sms.Ports(2948, 9200)}},
	{Charsets: []coding.Charset{coding.UTF16}},
	{Charsets: []coding.Charset{coding.GSM7, coding.Latin1, coding.UTF16}},
	{Languages: sms.AllLanguages()},
	{Languages: []coding.Language{coding.Turkish, coding.Hindi}, Method: sms.ByUDH16, Boundary: marks},
	{Boundary: func(text string) int { return len(text)/3 - 5 }}, // nonsense
	{Charsets: []coding.Charset{coding.GSM7, coding.National(0, coding.Turkish), coding.National(coding.Turkish, coding.Turkish), coding.National(coding.Portuguese, coding.Portuguese), coding.UTF16}},
}

func TestSplitAndJoin(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 1500 {
		checkSplit(t, sms.Profile{}, randomText(r), splitOptions[r.IntN(len(splitOptions))], r)
	}
}

// No other allowed character set takes fewer parts than the one that was chosen.
func TestFewestParts(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		text := randomText(r)
		o := splitOptions[r.IntN(len(splitOptions))]
		if o == nil || len(o.Charsets) < 2 {
			continue
		}
		e, err := sms.Profile{}.Estimate(text, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, cs := range o.Charsets {
			one := *o
			one.Charsets = []coding.Charset{cs}
			if other, err := (sms.Profile{}).Estimate(text, &one); err == nil && other.Parts < e.Parts {
				t.Errorf("%q: %d parts in %v, %d in %v", text, e.Parts, e.Charset, other.Parts, cs)
			}
		}
	}
}

func FuzzSplit(f *testing.F) {
	for i, text := range []string{"", "hi", repeat("€", 90), repeat("😀", 90), repeat("ş", 200), "a\xFF", repeat("a", 152) + "€€€€€"} {
		f.Add(text, uint8(i))
	}
	f.Fuzz(func(t *testing.T, text string, which uint8) {
		if len(text) > 5000 {
			return
		}
		var p sms.Profile
		if which >= 128 {
			p.Alphabet = coding.Packed{}
		}
		o := splitOptions[int(which)%len(splitOptions)]
		if p.Alphabet != nil && o != nil && len(o.Charsets) > 0 {
			return // those are not packed
		}
		checkSplit(t, p, text, o, rand.New(rand.NewPCG(uint64(which), uint64(len(text)))))
	})
}

func TestReferences(t *testing.T) {
	var refs sms.References
	bob := pdu.International("4915112345678")
	seen := map[uint16]bool{}
	for range 256 {
		n := refs.Next(acme, alice) & 0xFF
		if seen[n] {
			t.Fatalf("%d comes twice", n)
		}
		seen[n] = true
		refs.Next(acme, bob)
		refs.Next(alice, acme)
	}

	t.Run("goroutines", func(t *testing.T) {
		var mu sync.Mutex
		var wg sync.WaitGroup
		seen := map[uint16]int{}
		for range 8 {
			wg.Go(func() {
				for range 1000 {
					n := refs.Next(bob, alice)
					mu.Lock()
					seen[n]++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if len(seen) != 8000 {
			t.Errorf("%d different numbers of 8000", len(seen))
		}
	})

	t.Run("the latest pairs are remembered", func(t *testing.T) {
		refs := sms.References{Pairs: 10}
		for range 20 {
			last := map[int]uint16{}
			for round := range 2 {
				for i := range 10 {
					n := refs.Next(acme, pdu.ShortCode(fmt.Sprint(i)))
					if round == 1 && n != last[i]+1 {
						t.Fatalf("pair %d: %d after %d", i, n, last[i])
					}
					last[i] = n
				}
			}
			for i := range 30 {
				refs.Next(acme, pdu.ShortCode(fmt.Sprint("other", i)))
			}
		}
	})
}

func TestComposeConcurrently(t *testing.T) {
	var refs sms.References
	o := &sms.Options{Reference: refs.Next, Header: sms.UDH{sms.Ports(1, 2)}, Charsets: []coding.Charset{coding.National(0, coding.Turkish), coding.UTF16}}
	template := &pdu.SubmitSM{Source: acme, Dest: alice}
	text := repeat("Şaka ", 100)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				list, err := sms.Profile{}.Compose(template, text, o)
				if err != nil {
					t.Error(err)
					return
				}
				var j sms.Joiner
				for _, m := range list {
					if m, ok := add(t, &j, m); ok && m.Text != text {
						t.Errorf("joined %q", m.Text)
					}
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkCompose(b *testing.B) {
	template := &pdu.SubmitSM{Source: acme, Dest: alice}
	for _, c := range []struct{ name, text string }{
		{"GSM160", repeat("a", 160)}, {"GSM1000", repeat("abc de€ghi", 100)}, {"UTF16_1000", repeat("Привет мир", 100)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := (sms.Profile{}).Compose(template, c.text, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
