package route

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/godwit-sms/smpp/pdu"
)

// A Pattern is the addresses that an address_range stands for: a single address,
// all with a prefix when it is written as digits and a star (8080*), every one when
// it is a star, or a regular expression, anchored only where it says so
// (^49[0-9]+$). SMPP v5.0, section 4.7.3. The zero value is no address at all.
type Pattern struct {
	text   string
	ton    pdu.TON // 0: any
	exact  bool
	prefix string
	expr   *regexp.Regexp
}

// maxPattern is the longest address_range, without its NUL.
const maxPattern = 40

// ParsePattern reads an address_range. The empty one is the zero Pattern.
func ParsePattern(a pdu.Address) (Pattern, error) {
	p := Pattern{text: a.Addr, ton: a.TON}
	if len(a.Addr) > maxPattern {
		return Pattern{}, fmt.Errorf("address range %q: %d octets; at most %d are allowed", a.Addr, len(a.Addr), maxPattern)
	}
	const special = `\.+*?()|[]{}^$`
	switch body, star := strings.CutSuffix(a.Addr, "*"); {
	case a.Addr == "":
		return Pattern{}, nil
	case !strings.ContainsAny(strings.TrimPrefix(a.Addr, "+"), special):
		p.exact, p.text = true, strings.TrimPrefix(a.Addr, "+")
	case a.Addr == "*": // no expression, but what it means is clear
		p.expr = regexp.MustCompile("")
	case star && strings.Trim(body, "+") != "" && strings.Trim(strings.TrimPrefix(body, "+"), "0123456789") == "":
		p.prefix = strings.TrimPrefix(body, "+")
		p.text = p.prefix + "*"
	default:
		var err error
		if p.expr, err = regexp.Compile(a.Addr); err != nil {
			return Pattern{}, fmt.Errorf("address range %q: neither an address, a prefix with a star, nor a regular expression: %w", a.Addr, err)
		}
	}
	return p, nil
}

// IsZero reports whether the pattern is that of the empty address_range.
func (p Pattern) IsZero() bool { return p.text == "" }

// Address returns the address_range that ParsePattern makes the pattern of.
func (p Pattern) Address() pdu.Address { return pdu.Address{TON: p.ton, Addr: p.text} }

func (p Pattern) String() string { return p.text }

// Match reports whether the address is one of the pattern, and how well it
// matches: an exact one better than a long prefix, than a short one, than an
// expression.
func (p Pattern) Match(ton pdu.TON, addr string) (rank int, ok bool) {
	if p.ton != pdu.TONUnknown && ton != pdu.TONUnknown && p.ton != ton {
		return 0, false
	}
	switch {
	case p.exact:
		return 1000, p.text == addr
	case p.prefix != "":
		return 100 + len(p.prefix), strings.HasPrefix(addr, p.prefix)
	case p.expr != nil:
		return 1, p.expr.MatchString(addr)
	}
	return 0, false
}

// overlaps reports whether two patterns may have addresses in common. Those of an
// unknown type of number are in patterns of every type.
func (p Pattern) overlaps(q Pattern) bool {
	switch {
	case p.IsZero() || q.IsZero():
		return false
	case p.exact:
		_, ok := q.Match(pdu.TONUnknown, p.text)
		return ok
	case q.exact:
		_, ok := p.Match(pdu.TONUnknown, q.text)
		return ok
	case p.prefix != "" && q.prefix != "":
		return strings.HasPrefix(p.prefix, q.prefix) || strings.HasPrefix(q.prefix, p.prefix)
	}
	return true // who knows
}
