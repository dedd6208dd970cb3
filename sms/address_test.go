package sms_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/godwit-sms/smpp/coding"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

func TestParseAddress(t *testing.T) {
	international, national, code, name := pdu.International, pdu.National, pdu.ShortCode, pdu.Alphanumeric
	latin := sms.Profile{AddressCharset: coding.Latin1}
	gsm := sms.Profile{AddressCharset: coding.GSM7}
	for _, c := range []struct {
		profile sms.Profile
		text    string
		want    pdu.Address
	}{
		{sms.Profile{}, "", pdu.Address{}},
		{sms.Profile{}, "  ", pdu.Address{}},
		{sms.Profile{}, "+491701234567", international("491701234567")},
		{sms.Profile{}, "+49 (0)170 / 123-45.67", international("491701234567")},
		{sms.Profile{}, "+1 (212) 555-0100", international("12125550100")},
		{sms.Profile{}, "+12", international("12")},
		{sms.Profile{}, "+123456789012345", international("123456789012345")},
		{sms.Profile{}, "00491701234567", international("491701234567")},
		{sms.Profile{}, "0049 (0) 170 1234567", international("491701234567")},
		{sms.Profile{}, "00123456789012345", international("123456789012345")},
		{sms.Profile{}, "0170/1234567", national("01701234567")},
		{sms.Profile{}, "(0170) 1234567", national("01701234567")},
		{sms.Profile{}, "0123456", national("0123456")},
		{sms.Profile{}, "8080", code("8080")},
		{sms.Profile{}, "1", code("1")},
		{sms.Profile{}, "000000", code("000000")},
		{sms.Profile{}, "*100#", code("*100#")},
		{sms.Profile{}, "123456", code("123456")},
		{sms.Profile{}, "1234567", international("1234567")},
		{sms.Profile{}, " 491701234567\n", international("491701234567")},
		{sms.Profile{}, "ACME", name("ACME")},
		{sms.Profile{}, "P35 Shop 24", name("P35 Shop 24")},
		{sms.Profile{}, "7-Eleven", name("7-Eleven")},
		{sms.Profile{}, "24/7", name("24/7")},
		{sms.Profile{}, "100%", name("100%")},
		{sms.Profile{}, "4917x", name("4917x")},
		{sms.Profile{}, "[]{}\\", name("[]{}\\")},
		{sms.Profile{}, "Shop@Home", name("Shop@Home")},
		{latin, "Café", name("Caf\xE9")},
		{latin, "Ärzte Köln!", name("\xC4rzte K\xF6ln!")},
		{gsm, "Café", name("Caf\x05")},
		{gsm, "5 €", name("5 \x1Be")},
	} {
		t.Run(c.text, func(t *testing.T) {
			a, err := c.profile.ParseAddress(c.text)
			if err != nil || a != c.want {
				t.Errorf("%+v, %v, want %+v", a, err, c.want)
			}
		})
	}
	if a, err := sms.ParseAddress("+4930123"); err != nil || a != international("4930123") {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestParseAddressErrors(t *testing.T) {
	for _, c := range []struct {
		profile sms.Profile
		text    string
		words   []string
		missing rune // the *coding.EncodeError in the chain
	}{
		{sms.Profile{}, "+", []string{`"+"`, "2 to 15 digits"}, 0},
		{sms.Profile{}, "+1", []string{"2 to 15 digits"}, 0},
		{sms.Profile{}, "+49ACME", []string{"plus sign"}, 0},
		{sms.Profile{}, "+0170123456", []string{"not beginning with 0"}, 0},
		{sms.Profile{}, "+1234567890123456", []string{"2 to 15"}, 0},
		{sms.Profile{}, "++491701234567", []string{"plus sign"}, 0},
		{sms.Profile{}, "001234567890123456", []string{"at most 15 digits"}, 0},
		{sms.Profile{}, "1234567890123456", []string{"at most 15 digits"}, 0},
		{sms.Profile{}, "0001701234567", []string{"00 and a country code"}, 0},
		{sms.Profile{}, "170-123-4567", []string{"plus sign", "which it is"}, 0},
		{sms.Profile{}, "TwelveLetter", []string{`"TwelveLetter"`, "at most 11 characters", "12"}, 0},
		{sms.Profile{}, "[Brackets]", []string{"at most 11 characters", "10, which count as 12"}, 0},
		{sms.Profile{}, "{[Curly]}{}", []string{"at most 11 characters", "which count as 17"}, 0},
		{sms.Profile{}, "Žižka", []string{"GSM"}, 'Ž'},
		{sms.Profile{}, "back`tick", []string{"GSM"}, '`'},
		{sms.Profile{}, "Café", []string{"AddressCharset", "ASCII"}, 'é'},
		{sms.Profile{}, "４９１７０", []string{"GSM"}, '４'},
		{sms.Profile{}, "a\xFF", []string{"UTF-8"}, utf8.RuneError},
		{sms.Profile{AddressCharset: coding.GSM7}, "Shop@Home", []string{"octet", "@"}, 0},
	} {
		t.Run(c.text, func(t *testing.T) {
			a, err := c.profile.ParseAddress(c.text)
			if a != (pdu.Address{}) {
				t.Errorf("%+v", a)
			}
			wantError(t, err, append(c.words, "address")...)
			var e *coding.EncodeError
			if errors.As(err, &e) != (c.missing != 0) || e != nil && e.Rune != c.missing {
				t.Errorf("%v names %+v, want %q", err, e, c.missing)
			}
		})
	}
}

func TestAddressText(t *testing.T) {
	for _, c := range []struct {
		profile sms.Profile
		a       pdu.Address
		want    string
	}{
		{sms.Profile{}, pdu.International("491701234567"), "+491701234567"},
		{sms.Profile{}, pdu.ShortCode("8080"), "8080"},
		{sms.Profile{}, pdu.Alphanumeric("ACME"), "ACME"},
		{sms.Profile{}, pdu.Alphanumeric("Caf\xE9"), "Caf\uFFFD"},
		{sms.Profile{AddressCharset: coding.Latin1}, pdu.Alphanumeric("Caf\xE9"), "Café"},
		{sms.Profile{AddressCharset: coding.GSM7}, pdu.Alphanumeric("Caf\x05"), "Café"},
		{sms.Profile{}, pdu.Address{Addr: "\xFF1"}, "\uFFFD1"},
		{sms.Profile{}, pdu.Address{}, ""},
	} {
		if got := c.profile.AddressText(c.a); got != c.want {
			t.Errorf("%+v: %q, want %q", c.a, got, c.want)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"", "+491701234567", "0049 (0)170", "0170/1", "8080", "ACME", "Café", "*100#", "+", "a\x00b", "€€€€€€"} {
		f.Add(s, uint8(0))
		f.Add(s, uint8(1))
	}
	profiles := []sms.Profile{{}, {AddressCharset: coding.Latin1}, {AddressCharset: coding.GSM7}}
	f.Fuzz(func(t *testing.T, text string, which uint8) {
		p := profiles[int(which)%len(profiles)]
		a, err := p.ParseAddress(text)
		if err != nil {
			if a != (pdu.Address{}) {
				t.Fatalf("%q: %+v and %v", text, a, err)
			}
			return
		}
		if len(a.Addr) > 22 || strings.ContainsRune(a.Addr, 0) {
			t.Fatalf("%q: %+v", text, a)
		}
		shown := p.AddressText(a)
		if !utf8.ValidString(shown) {
			t.Fatalf("%q is shown as %q", text, shown)
		}
		if a.TON == pdu.TONAlphanumeric && shown != strings.TrimSpace(text) {
			t.Fatalf("name %q is shown as %q", text, shown)
		}
		if again, err := p.ParseAddress(shown); err != nil || again != a {
			t.Fatalf("%q: %+v, shown as %q, read as %+v, %v", text, a, shown, again, err)
		}
	})
}
