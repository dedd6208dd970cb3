package sms

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// A MessageIDRule says how the message id of a receipt differs from the one in the response to the submission. It is to
// be set for each message center; it cannot be guessed, since hexadecimal and decimal numbers collide.
type MessageIDRule uint8

// The rules.
const (
	MessageIDExact           MessageIDRule = iota // the same, octet by octet
	MessageIDHexToDecimal                         // hexadecimal in the response, decimal in the receipt: 1a2b3c and 1715004
	MessageIDDecimalToHex                         // decimal in the response, hexadecimal in the receipt: 1715004 and 1A2B3C
	MessageIDPadded                               // leading zeros do not count: 12345 and 0000012345
	MessageIDCaseInsensitive                      // the case of ASCII letters does not count: 2e179b31 and 2E179B31
)

// String returns a word for the rule, the one that ParseMessageIDRule takes.
func (r MessageIDRule) String() string {
	if int(r) < len(messageIDRules) {
		return messageIDRules[r]
	}
	return fmt.Sprintf("rule(%d)", uint8(r))
}

var messageIDRules = [...]string{"exact", "hex-to-decimal", "decimal-to-hex", "padded", "case-insensitive"}

// ParseMessageIDRule returns the rule that a word names: exact, hex-to-decimal, decimal-to-hex, padded or
// case-insensitive.
func ParseMessageIDRule(word string) (MessageIDRule, error) {
	for i, w := range messageIDRules {
		if w == word {
			return MessageIDRule(i), nil
		}
	}
	return 0, &Error{Field: "message id rule", Value: quote(word), Rule: "one of " + strings.Join(messageIDRules[:], ", ")}
}

// Match reports whether the id of a receipt means the message whose submission was answered with the id response.
func (r MessageIDRule) Match(response, receipt string) bool {
	return r.ResponseKey(response) == r.ReceiptKey(receipt)
}

// ResponseKey returns the key of an id from a response: it equals the [MessageIDRule.ReceiptKey] of the receipts of that
// message. Keys are for looking up only; keep the ids as they are to show them. Where the rule calls for a decimal number, one
// with hexadecimal letters is taken for hexadecimal, since it can be nothing else; an id that is no number at all is its
// own key.
func (r MessageIDRule) ResponseKey(id string) string {
	switch r {
	case MessageIDHexToDecimal:
		return number(id, 16)
	case MessageIDDecimalToHex:
		return number(id, 10)
	default:
		return r.ReceiptKey(id)
	}
}

// ReceiptKey returns the key of an id from a receipt; see [MessageIDRule.ResponseKey].
func (r MessageIDRule) ReceiptKey(id string) string {
	switch r {
	case MessageIDHexToDecimal:
		return number(id, 10)
	case MessageIDDecimalToHex:
		return number(id, 16)
	case MessageIDPadded:
		if short := strings.TrimLeft(id, "0"); short != "" {
			return short
		}
		if id != "" {
			return "0"
		}
	case MessageIDCaseInsensitive:
		b := []byte(id) // octets, not characters: an id need not be UTF-8
		for i, c := range b {
			if 'A' <= c && c <= 'Z' {
				b[i] = c + 'a' - 'A'
			}
		}
		return string(b)
	}
	return id
}

// number returns the decimal form of a number, or id if it is none.
func number(id string, base int) string {
	const most = 64 // octets of an id; more would make big numbers slow
	if id == "" || len(id) > most {
		return id
	}
	for i := range len(id) {
		switch c := id[i]; {
		case '0' <= c && c <= '9':
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			base = 16
		default:
			return id
		}
	}
	if n, err := strconv.ParseUint(id, base, 64); err == nil {
		return strconv.FormatUint(n, 10)
	}
	n, ok := new(big.Int).SetString(id, base)
	if !ok {
		return id
	}
	return n.String()
}
