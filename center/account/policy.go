package account

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/route"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// A Rewrite changes the type and the digits of addresses that match: of those
// that an account submits messages from or to. The first of an account that
// matches an address is the one that changes it.
type Rewrite struct {
	Of     Side    // which addresses
	TON    int     // to match; negative: any
	NPI    int     // to match; negative: any
	Prefix string  // to match: how the address begins; empty: in any way
	With   *string // instead of the prefix; nil: it stays
	SetTON int     // negative: as it was
	SetNPI int     // negative: as it was
}

// A Side is one or both of the addresses of a message.
type Side uint8

// The sides.
const (
	Both Side = iota
	Source
	Destination
)

var sideNames = []string{"both", "source", "destination"}

// SideNames returns the names that ParseSide reads.
func SideNames() []string { return slices.Clone(sideNames) }

// ParseSide reads the name of a side: both, source, destination.
func ParseSide(name string) (Side, error) {
	i := slices.Index(sideNames, name)
	if i < 0 {
		return 0, fmt.Errorf("side %q: %s are known", name, strings.Join(sideNames, ", "))
	}
	return Side(i), nil
}

func (r *Rewrite) apply(side Side, a *pdu.Address) bool {
	if r.Of != Both && r.Of != side || r.TON >= 0 && int(a.TON) != r.TON || r.NPI >= 0 && int(a.NPI) != r.NPI || !strings.HasPrefix(a.Addr, r.Prefix) {
		return false
	}
	if r.With != nil {
		a.Addr = *r.With + a.Addr[len(r.Prefix):]
	}
	if r.SetTON >= 0 {
		a.TON = pdu.TON(r.SetTON)
	}
	if r.SetNPI >= 0 {
		a.NPI = pdu.NPI(r.SetNPI)
	}
	return true
}

func (r *Rewrite) check() error {
	for _, n := range []struct {
		name  string
		value int
	}{{"ton", r.TON}, {"npi", r.NPI}, {"set_ton", r.SetTON}, {"set_npi", r.SetNPI}} {
		if n.value > 255 {
			return fmt.Errorf("rewrite: %s %d; 0 to 255 are allowed", n.name, n.value)
		}
	}
	if r.With == nil && r.SetTON < 0 && r.SetNPI < 0 {
		return fmt.Errorf("rewrite: it changes nothing; with, set_ton or set_npi is required")
	}
	return nil
}

// A TLVRule is about a TLV of submissions.
type TLVRule struct {
	Tag      tlv.Tag
	Name     string         // for logs; empty: the tag
	Optional bool           // it may be left out
	Pattern  *regexp.Regexp // that the value has to match, a NUL at its end left out; nil: any
}

// DLT returns the rules of India's registry of commercial messages: the ids of
// the principal entity and of the template, 19 digits each as the registry gives
// them out.
func DLT() []TLVRule {
	id := regexp.MustCompile(`^[0-9]{19}$`)
	return []TLVRule{{Tag: 0x1400, Name: "principal_entity_id", Pattern: id}, {Tag: 0x1401, Name: "template_id", Pattern: id}}
}

// A PolicyError says why a message is not taken. It is a pdu.Status to
// errors.As.
type PolicyError struct {
	Status pdu.Status
	Reason string
}

func (e *PolicyError) Error() string { return e.Status.String() + ": " + e.Reason }

// Unwrap returns the status.
func (e *PolicyError) Unwrap() error { return e.Status }

// Admit looks at a message that the account submits, whose destination may still
// be missing, and changes what the account has changed: addresses and
// data_coding. The error is a *PolicyError.
func (a *Account) Admit(m *message.Message) error {
	m.Source, m.Dest = a.SourceOf(m.Source), a.DestOf(m.Dest)
	m.IDFormat = a.IDFormat
	if m.DataCoding == 0 {
		m.DataCoding = a.DataCoding
	}
	if len(a.sources) > 0 && !slices.ContainsFunc(a.sources, func(p route.Pattern) bool { _, ok := p.Match(m.Source.TON, m.Source.Addr); return ok }) {
		return &PolicyError{pdu.StatusInvalidSource, "the account may not send from this address"}
	}
	for i := range a.TLVs {
		r := &a.TLVs[i]
		name := cmp.Or(r.Name, fmt.Sprintf("0x%04X", uint16(r.Tag)))
		v, ok := m.TLVs.Get(r.Tag)
		switch {
		case !ok && !r.Optional:
			return &PolicyError{pdu.StatusMissingTLV, "TLV " + name + " is missing"}
		case ok && r.Pattern != nil && !r.Pattern.MatchString(strings.TrimSuffix(string(v), "\x00")):
			return &PolicyError{pdu.StatusInvalidTLVValue, "TLV " + name + " is not of the form " + r.Pattern.String()}
		}
	}
	return nil
}

// SourceOf returns a source address as the account has it changed.
func (a *Account) SourceOf(addr pdu.Address) pdu.Address { return a.rewrite(Source, addr) }

// DestOf returns a destination as the account has it changed.
func (a *Account) DestOf(addr pdu.Address) pdu.Address { return a.rewrite(Destination, addr) }

func (a *Account) rewrite(side Side, addr pdu.Address) pdu.Address {
	if addr.Addr == "" {
		return addr
	}
	for i := range a.Rewrites {
		if a.Rewrites[i].apply(side, &addr) {
			break
		}
	}
	return addr
}
