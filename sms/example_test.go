package sms_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/godwit-sms/smpp/coding"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

func ExampleText() {
	fmt.Println(sms.Text(&pdu.DeliverSM{ShortMessage: []byte("5 \x1Be")}))
	fmt.Println(sms.Text(&pdu.DeliverSM{DataCoding: pdu.CodingUCS2, ShortMessage: []byte("\x04\x14\x04\x30")}))
	// Output:
	// 5 €
	// Да
}

func ExampleProfile_Text() {
	// This message center has Latin 1 behind data_coding 0.
	p := sms.Profile{Alphabet: coding.Latin1}
	fmt.Println(p.Text(&pdu.DeliverSM{ShortMessage: []byte("caf\xE9")}))
	// Output: café
}

func ExampleUserData() {
	m := &pdu.DeliverSM{
		ESMClass:     pdu.UDHI,
		DataCoding:   pdu.CodingOctets,
		ShortMessage: []byte("\x06\x05\x04\x0B\x84\x23\xF0\x01\x06"),
	}
	if d, ok := sms.UserData(m); ok {
		dest, source, _ := d.Header.Ports()
		fmt.Printf("port %d from %d: % X\n", dest, source, d.Octets)
	}
	// Output: port 2948 from 9200: 01 06
}

func ExampleProfile_Compose() {
	var references sms.References // for all messages of the program
	template := &pdu.SubmitSM{
		Source:             pdu.Alphanumeric("ACME"),
		Dest:               pdu.International("491701234567"),
		RegisteredDelivery: pdu.FinalReceipt,
	}
	text := "Gr\u00FC\u00DFe aus der Zentrale! "
	for len(text) < 400 {
		text += "Noch etwas mehr. "
	}
	parts, err := sms.Profile{}.Compose(template, text, &sms.Options{Reference: references.Next})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range parts {
		d, _ := sms.UserData(m)
		fmt.Printf("part %d of %d: data_coding %d, %d octets\n", d.Concat.Index, d.Concat.Total, m.DataCoding, len(m.ShortMessage))
	}
	// Output:
	// part 1 of 3: data_coding 0, 159 octets
	// part 2 of 3: data_coding 0, 159 octets
	// part 3 of 3: data_coding 0, 98 octets
}

func ExampleProfile_Compose_flash() {
	template := &pdu.SubmitSM{Dest: pdu.International("491701234567")}
	parts, err := sms.Profile{}.Compose(template, "Fire!", &sms.Options{Class: new(coding.ClassDisplay)})
	fmt.Printf("%#02x %v\n", uint8(parts[0].DataCoding), err)
	// Output: 0xf0 <nil>
}

func ExampleProfile_Compose_error() {
	_, err := sms.Profile{}.Compose(&pdu.SubmitSM{}, "caf\u00E9 \u2615", &sms.Options{Charsets: []coding.Charset{coding.GSM7}})
	fmt.Println(err)
	var missing *coding.EncodeError
	if errors.As(err, &missing) {
		fmt.Printf("%c at byte %d\n", missing.Rune, missing.Offset)
	}
	// Output:
	// sms: text: every character is in an allowed character set: coding: U+2615 '☕' at byte 6 is not in GSM 7-bit
	// ☕ at byte 6
}

func ExampleProfile_ComposeBinary() {
	template := &pdu.SubmitSM{Dest: pdu.International("491701234567")}
	ringtone := make([]byte, 200)
	parts, err := sms.Profile{}.ComposeBinary(template, ringtone, &sms.Options{Header: sms.UDH{sms.Ports(5505, 0)}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range parts {
		d, _ := sms.UserData(m)
		fmt.Printf("data_coding %d, header %v, %d octets\n", m.DataCoding, d.Header[0].Data, len(d.Octets))
	}
	// Output:
	// data_coding 4, header [21 129 0 0], 128 octets
	// data_coding 4, header [21 129 0 0], 72 octets
}

func ExampleProfile_ComposeReplace() {
	m, err := sms.Profile{}.ComposeReplace(&pdu.ReplaceSM{MessageID: "4711"}, "The code is 4712", nil)
	fmt.Println(sms.Text(m), err)
	// Output: The code is 4712 <nil>
}

func ExampleProfile_Estimate() {
	for _, text := range []string{"Your code is 4711", "It is 5 o\u2019clock \u263A"} {
		e, err := sms.Profile{}.Estimate(text, nil)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Printf("%v: %d part, %d units, %d left, because of %q\n", e.Charset, e.Parts, e.Units, e.UnitsLeft, e.Forcing)
	}
	// Output:
	// GSM 7-bit: 1 part, 17 units, 143 left, because of []
	// UTF-16BE: 1 part, 17 units, 53 left, because of ['’' '☺']
}

func ExampleProfile_Estimate_languages() {
	// Without the national tables this takes UTF-16, and twice the parts.
	text := "\u015Eimdi yola \u00E7\u0131k\u0131yorum"
	e, err := sms.Profile{}.Estimate(text, &sms.Options{Languages: []coding.Language{coding.Turkish}})
	fmt.Printf("%v: %d units, %d left, %v\n", e.Charset, e.Units, e.UnitsLeft, err)
	// Output: GSM 7-bit, Turkish locking shift: 20 units, 135 left, <nil>
}

func ExampleOptions_transliterate() {
	text := "\u201CSmart\u201D quotes \u2013 and na\u00EFve accents\u2026"
	e, err := sms.Profile{}.Estimate(text, &sms.Options{Transliterate: true})
	fmt.Println(e.Text, err)
	fmt.Println(e.Charset, e.Parts)
	// Output:
	// "Smart" quotes - and naive accents... <nil>
	// GSM 7-bit 1
}

func ExampleOptions_boundary() {
	// A stand-in for a segmenter such as github.com/rivo/uniseg: a flag of two characters stays whole.
	flag := func(text string) int {
		if strings.HasPrefix(text, "\U0001F1E9\U0001F1EA") {
			return 8
		}
		_, n := utf8.DecodeRuneInString(text)
		return n
	}
	text := strings.Repeat("\u041F", 65) + "\U0001F1E9\U0001F1EA and more"
	parts, err := sms.Profile{}.Compose(&pdu.SubmitSM{}, text, &sms.Options{Boundary: flag})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(sms.Text(parts[1]))
	// Output: 🇩🇪 and more
}

func ExampleProfile_ComposeBinary_vCard() {
	card := "BEGIN:VCARD\r\nVERSION:2.1\r\nN:Doe;Jane\r\nTEL:+491701234567\r\nEND:VCARD\r\n"
	parts, err := sms.Profile{}.ComposeBinary(&pdu.SubmitSM{Dest: pdu.International("491701234567")}, []byte(card),
		&sms.Options{Header: sms.UDH{sms.Ports(9204, 0)}}) // 2948 and 9200 for a WAP push
	if err != nil {
		fmt.Println(err)
		return
	}
	d, _ := sms.UserData(parts[0])
	dest, _, _ := d.Header.Ports()
	fmt.Println(len(parts), "part for port", dest, "of", len(d.Octets), "octets")
	// Output: 1 part for port 9204 of 68 octets
}

func ExampleParseAddress() {
	for _, text := range []string{"+49 (0)170 123-4567", "0049 170 1234567", "0170 1234567", "8080", "ACME", "A name that is too long"} {
		a, err := sms.ParseAddress(text)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(a.TON, a.NPI, a.Addr)
	}
	// Output:
	// international isdn_e164 491701234567
	// international isdn_e164 491701234567
	// national isdn_e164 01701234567
	// network_specific unknown 8080
	// alphanumeric unknown ACME
	// sms: address "A name that is too long": a name has at most 11 characters, not 23
}

func ExampleJoiner_hold() {
	// A message whose handling fails is not lost: the message center, told so, sends its last part again.
	joiner := sms.Joiner{Hold: true}
	save := func(*sms.Message) error { return errors.New("the disk is full") }
	handle := func(ctx context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
		whole, err := joiner.Add(ctx, time.Now(), m)
		if err != nil || whole == nil {
			return nil, err
		}
		if err := save(whole); err != nil {
			return nil, pdu.StatusTemporaryAppError
		}
		return nil, joiner.Done(ctx, whole)
	}
	_, err := handle(context.Background(), &pdu.DeliverSM{ESMClass: pdu.UDHI, ShortMessage: []byte("\x05\x00\x03\x07\x02\x01Hello, ")})
	fmt.Println(err)
	last := &pdu.DeliverSM{ESMClass: pdu.UDHI, ShortMessage: []byte("\x05\x00\x03\x07\x02\x02world")}
	_, err = handle(context.Background(), last)
	fmt.Println(err)
	save = func(m *sms.Message) error { fmt.Println("saved:", m.Text); return nil }
	_, err = handle(context.Background(), last)
	fmt.Println(err)
	// Output:
	// <nil>
	// ESME_RX_T_APPN: ESME cannot take the delivery now: retry later
	// saved: Hello, world
	// <nil>
}

func ExampleProfile_Split() {
	var m pdu.DeliverSM // any other PDU with user data
	parts, err := sms.Profile{}.Split("hello", 0, 1, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	m.ShortMessage, m.DataCoding = parts[0].Raw, parts[0].DataCoding
	m.ESMClass |= parts[0].ESMClass
	fmt.Println(sms.Text(&m))
	// Output: hello
}

func ExampleJoiner() {
	parts, err := sms.Profile{}.Compose(&pdu.SubmitSM{}, "A text that is sent in two parts, the second of which comes first. "+
		"It has to be longer than 160 characters, or there would be only one message and nothing to be joined.", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	joiner := sms.Joiner{
		Expiry: 10 * time.Minute,
		Lost:   func(m *sms.Message) { fmt.Println("parts that never came:", m.Missing) },
	}
	ctx, now := context.Background(), time.Now()
	for i := len(parts) - 1; i >= 0; i-- {
		m := &pdu.DeliverSM{ESMClass: parts[i].ESMClass, DataCoding: parts[i].DataCoding, ShortMessage: parts[i].ShortMessage}
		whole, err := joiner.Add(ctx, now, m) // no error without a Store
		if err == nil && whole != nil {
			fmt.Println(len(whole.Parts), "parts,", len(whole.Text), "characters:", whole.Text[:32])
		}
	}
	// Output: 2 parts, 168 characters: A text that is sent in two parts
}

func ExampleProfile_ReadReceipt() {
	p := sms.Profile{Zone: time.FixedZone("CET", 3600), MessageID: sms.MessageIDHexToDecimal}
	m := &pdu.DeliverSM{
		ESMClass: pdu.TypeDeliveryReceipt,
		ShortMessage: []byte("id:1715004 sub:001 dlvrd:001 submit date:2403011230 done date:2403011231 stat:DELIVRD err:000 " +
			"text:Hello"),
	}
	if r, ok := p.ReadReceipt(m); ok {
		fmt.Println(r.ID, r.State, r.Final(), r.DoneDate)
		fmt.Println(p.MessageID.Match("1a2b3c", r.ID)) // the id in the response
	}
	// Output:
	// 1715004 delivered true 2024-03-01 12:31:00 +0100 CET
	// true
}

func ExampleParseReceipt() {
	r, ok := sms.ParseReceipt("id:4711 stat:UNDELIV err:21b mccmnc:26201", nil)
	fmt.Println(r.ID, r.State, r.Err, r.Unknown, ok)
	_, ok = sms.ParseReceipt("my id: is 12", nil)
	fmt.Println(ok)
	// Output:
	// 4711 undeliverable 21b [{mccmnc 26201}] true
	// false
}

func ExampleProfile_WriteReceipt() {
	submitted := time.Date(2024, 3, 1, 12, 30, 0, 0, time.UTC)
	m := &pdu.SubmitSM{Source: pdu.ShortCode("8080"), Dest: pdu.International("491701234567"), ShortMessage: []byte("Your code is 4711")}
	receipt, err := sms.Profile{}.WriteReceipt(m, sms.Receipt{
		ID:         "00000000000012a4",
		SubmitDate: submitted,
		DoneDate:   submitted.Add(time.Minute),
		State:      pdu.StateDelivered,
		HasState:   true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(receipt.Source.Addr, "to", receipt.Dest.Addr)
	fmt.Println(sms.Text(receipt))
	// Output:
	// 491701234567 to 8080
	// id:00000000000012a4 sub:001 dlvrd:001 submit date:2403011230 done date:2403011231 stat:DELIVRD err:000 text:Your code is 4711
}

func ExampleUDH() {
	h := sms.UDH{sms.Ports(2948, 9200), sms.Concat8(171, 3, 1)}
	octets, err := h.Append(nil)
	fmt.Printf("% X %v\n", octets, err)

	h, n, err := sms.ParseUDH(append(octets, "content"...))
	concat, ok := h.Concat()
	fmt.Println(h, n, err, concat, ok)
	// Output:
	// 0B 05 04 0B 84 23 F0 00 03 AB 03 01 <nil>
	// 05:0b8423f0 00:ab0301 12 <nil> {171 3 1} true
}

func ExampleReferences() {
	var references sms.References
	source, dest := pdu.Alphanumeric("ACME"), pdu.International("491701234567")
	first := references.Next(source, dest)
	fmt.Println(references.Next(source, dest) - first)
	// Output: 1
}

func ExampleMessageIDRule() {
	rule, err := sms.ParseMessageIDRule("hex-to-decimal")
	fmt.Println(rule.Match("1a2b3c", "1715004"), err)

	// For looking up: the keys of the two are equal.
	sent := map[string]string{rule.ResponseKey("1a2b3c"): "the message"}
	fmt.Println(sent[rule.ReceiptKey("1715004")])
	// Output:
	// true <nil>
	// the message
}
