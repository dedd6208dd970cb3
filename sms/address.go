package sms

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/godwit-sms/smpp/coding"
	"github.com/godwit-sms/smpp/pdu"
)

// ParseAddress returns the address that text means, as people write it, with the zero Profile. See
// [Profile.ParseAddress].
func ParseAddress(text string) (pdu.Address, error) { return Profile{}.ParseAddress(text) }

// ParseAddress returns the address that text means, as people write it: with type of number and numbering plan. White space
// around it does not count. The first rule that applies decides:
//
//	""                      the zero Address: the message center's default
//	+49 (0)170 1234567      international: a plus sign and 2 to 15 digits, not beginning with 0
//	0049 170 1234567        international: 00 and 5 to 15 digits, not beginning with 0
//	0170/1234567            national: 0 and 6 to 14 digits; kept with its 0
//	8080                    short code (network specific): 1 to 6 digits, also with * and #
//	491701234567            international: 7 to 15 digits, not beginning with 0
//	ACME, 7-Eleven, 24/7    name (alphanumeric): anything else
//
// International and national numbers may have spaces, hyphens, dots, slashes and brackets between their digits, which are
// left out, and so is "(0)" behind a country code. Without a plus sign or a 0 in front they may not: such a number is an
// error, since it may be of either kind, and so is one of more than 15 digits, the most that E.164 has.
//
// A name has at most 11 characters, since GSM networks carry it in 11 septets; those of the extension table, such as €,
// take two. Its characters are in the GSM 7-bit default alphabet and in AddressCharset; one that is not is an error that
// names it. Where the rules do not fit, make the [pdu.Address] yourself: [pdu.International], [pdu.National],
// [pdu.ShortCode], [pdu.Alphanumeric], or any other TON and NPI.
//
// The error is an [*Error], which wraps a *coding.EncodeError for a character that cannot be written.
func (p Profile) ParseAddress(text string) (pdu.Address, error) {
	text = strings.TrimSpace(text)
	fail := func(rule string) (pdu.Address, error) {
		return pdu.Address{}, &Error{Field: "address", Value: quote(text), Rule: rule}
	}
	if text == "" {
		return pdu.Address{}, nil
	}
	digits, separated, isNumber := dialled(text)
	switch {
	case text[0] == '+':
		if !isNumber || len(digits) < 2 || len(digits) > 15 || digits[0] == '0' {
			return fail("an international number has 2 to 15 digits behind the plus sign, not beginning with 0")
		}
		return pdu.International(digits), nil
	case !isNumber:
		if len(text) <= 6 && strings.Trim(text, "0123456789*#") == "" {
			return pdu.ShortCode(text), nil
		}
		return p.name(text)
	case len(digits) <= 6:
		if separated {
			return p.name(text)
		}
		return pdu.ShortCode(digits), nil
	case strings.HasPrefix(digits, "000"):
		return fail("a number begins with a plus sign, 00 and a country code, or a single 0")
	case strings.HasPrefix(digits, "00"):
		if digits = digits[2:]; len(digits) > 15 {
			return fail("an international number has at most 15 digits")
		}
		return pdu.International(digits), nil
	case len(digits) > 15:
		return fail("a number has at most 15 digits")
	case digits[0] == '0':
		return pdu.National(digits), nil
	case separated:
		return fail("a plus sign in front of an international number, or the 0 of a national one, tells which it is")
	}
	return pdu.International(digits), nil
}

// dialled returns the digits of text, which may have a plus sign in front of them and separators between them.
func dialled(text string) (digits string, separated, ok bool) {
	var b strings.Builder
	rest, plus := strings.CutPrefix(text, "+")
	if plus {
		rest = strings.Replace(rest, "(0)", "", 1)
	} else if s, ok := strings.CutPrefix(rest, "00"); ok {
		rest = "00" + strings.Replace(s, "(0)", "", 1)
	}
	for _, r := range rest {
		switch {
		case r >= '0' && r <= '9':
			b.WriteByte(byte(r))
		case strings.ContainsRune(" -./()", r):
			separated = true
		default:
			return "", false, false
		}
	}
	return b.String(), separated, b.Len() > 0
}

// mostName is how many septets of an alphanumeric address GSM carries, in 10 octets: 3GPP TS 23.040, 9.1.2.5.
const mostName = 11

// name returns an alphanumeric address.
func (p Profile) name(text string) (pdu.Address, error) {
	fail := func(rule string, err error) (pdu.Address, error) {
		return pdu.Address{}, &Error{Field: "address", Value: quote(text), Rule: rule, Err: err}
	}
	units, ok := coding.Len(coding.GSM7, text)
	if !ok {
		_, err := coding.Encode(coding.GSM7, text)
		return fail("a name has characters of the GSM alphabet only", err)
	}
	if units > mostName {
		count := strconv.Itoa(units)
		if n := utf8.RuneCountInString(text); n != units {
			count = fmt.Sprintf("%d, which count as %d", n, units)
		}
		return fail(fmt.Sprintf("a name has at most %d characters, not %s", mostName, count), nil)
	}
	octets, err := coding.Encode(p.addressCharset(), text)
	if err != nil {
		return fail("a name is written in "+p.addressCharset().String()+", the AddressCharset", err)
	}
	if i := strings.IndexByte(string(octets), 0); i >= 0 {
		return fail("an octet of a name is not 0, as the character @ is in "+p.addressCharset().String(), nil)
	}
	return pdu.Alphanumeric(string(octets)), nil
}

// AddressText returns an address as people read it: an international number with its plus sign, the characters of a name
// in AddressCharset, and anything else as it is. It is valid UTF-8.
func (p Profile) AddressText(a pdu.Address) string {
	if a.TON == pdu.TONAlphanumeric {
		return coding.Decode(p.addressCharset(), []byte(a.Addr))
	}
	return strings.ToValidUTF8(a.String(), string(utf8.RuneError))
}

func (p Profile) addressCharset() coding.Charset {
	if p.AddressCharset == nil {
		return coding.ASCII
	}
	return p.AddressCharset
}
