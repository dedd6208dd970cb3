package handset

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/pdu"
)

// Errors of a GSM network, as network_error_code has them.
const (
	UnknownSubscriber = 1
	CallBarred        = 13
	AbsentSubscriber  = 27
	Busy              = 31 // of MT SMS
	MemoryExceeded    = 32
)

// A Profile says how mobiles behave, and what else a network does that a sender
// has to cope with. The zero value delivers everything after 100 ms.
type Profile struct {
	// Name is that of the profile that holds where the other fields are zero.
	// Empty: deliver.
	Name string
	// Delay is how long an attempt takes. Zero: as the profile has it; negative:
	// no time. Delays, if set, wins over it.
	Delay  time.Duration
	Delays Distribution
	// Shares are how many of the attempts come to what; the rest of 100 % delivers.
	// Nil: as the profile has it.
	Shares []Share
	// Seed makes a run repeatable: the same attempts, in the same order, come to
	// the same. Zero: 1.
	Seed uint64
	// IgnoreKeywords has the words in the texts of messages that force an outcome
	// (Keywords) mean nothing.
	IgnoreKeywords bool

	// Throttle and QueueFull are when all submissions are refused, with
	// ESME_RTHROTTLED and ESME_RMSGQFUL.
	Throttle, QueueFull Burst

	// Receipt is the form of receipts, one of ReceiptForms. Empty: text and TLVs as
	// the specification has them.
	Receipt string
	// IDs is the format of message_ids in responses, for accounts that have none of
	// their own. A form of receipts that makes hexadecimal numbers of decimal ones
	// has it message.Decimal.
	IDs message.Format

	// Traffic is what the mobiles send. The zero value is nothing.
	Traffic Traffic
}

// A Share is a part of the attempts and what they come to.
type Share struct {
	// State is the final state, or pdu.StateEnroute: the message is tried again
	// later.
	State   pdu.MessageState
	Percent float64 // more than 0, at most 100
	// Error is the code of the GSM network's error. Zero: the usual one of the
	// state, which is none for those that are no failures.
	Error uint16
}

// A Burst is the time in which everything is refused: the last For of each
// Every. The zero value is never.
type Burst struct{ For, Every time.Duration }

// outcomes are the states that an attempt may come to.
var outcomes = []outcome{
	{"delivered", pdu.StateDelivered, 0, "DELIVERED; what the others leave of 100 is, too"},
	{"accepted", pdu.StateAccepted, 0, "ACCEPTED: taken over by somebody else"},
	{"undeliverable", pdu.StateUndeliverable, UnknownSubscriber, "UNDELIVERABLE"},
	{"rejected", pdu.StateRejected, CallBarred, "REJECTED"},
	{"expired", pdu.StateExpired, AbsentSubscriber, "EXPIRED, without waiting for the validity to end"},
	{"deleted", pdu.StateDeleted, 0, "DELETED"},
	{"skipped", pdu.StateSkipped, 0, "SKIPPED"},
	{"unknown", pdu.StateUnknown, 0, "UNKNOWN"},
	{"retry", pdu.StateEnroute, AbsentSubscriber, "tried again later"},
}

// An outcome is a state that an attempt may come to.
type outcome struct {
	name  string // of its setting
	state pdu.MessageState
	err   uint16 // the usual one
	about string
}

// usualError returns the error of a state when none is given.
func usualError(s pdu.MessageState) uint16 {
	for _, o := range outcomes {
		if o.state == s {
			return o.err
		}
	}
	return 0
}

// A base is a profile that has a name.
type base struct {
	name, about string
	delays      Distribution
	shares      []Share
	first       bool // shares are of first attempts; later ones deliver
}

func all(s pdu.MessageState) []Share { return []Share{{State: s, Percent: 100}} }

const usual = 100 * time.Millisecond

// bases are the profiles, by name.
var bases = []base{
	{name: "accept", about: "takes everything over: ACCEPTED", delays: Constant(usual), shares: all(pdu.StateAccepted)},
	{name: "deliver", about: "delivers everything", delays: Constant(usual)},
	{name: "expire", about: "is never within reach: EXPIRED once the validity has ended", delays: Constant(usual), shares: all(pdu.StateEnroute)},
	{name: "fail", about: "knows no number: UNDELIVERABLE", delays: Constant(usual), shares: all(pdu.StateUndeliverable)},
	{name: "random", about: "delivers 85 %, after 100 to 200 ms; the rest fails, is rejected, or has to be tried again", delays: Uniform(usual, 2*usual), shares: []Share{
		{pdu.StateEnroute, 4, AbsentSubscriber}, {pdu.StateEnroute, 3, MemoryExceeded}, {pdu.StateEnroute, 2, Busy},
		{pdu.StateUndeliverable, 4, UnknownSubscriber}, {pdu.StateRejected, 2, CallBarred},
	}},
	{name: "reject", about: "wants nothing: REJECTED", delays: Constant(usual), shares: all(pdu.StateRejected)},
	{name: "retry", about: "is not within reach at first, and delivers at the second attempt", delays: Constant(usual), shares: all(pdu.StateEnroute), first: true},
	{name: "slow", about: "delivers everything after 5 s", delays: Constant(5 * time.Second)},
}

func baseOf(name string) (base, error) {
	if name == "" {
		name = "deliver"
	}
	for _, b := range bases {
		if b.name == name {
			return b, nil
		}
	}
	return base{}, fmt.Errorf("profile %q: %s are known", name, strings.Join(Names(), ", "))
}

// Names returns the names of the profiles, in order.
func Names() []string {
	names := make([]string, len(bases))
	for i, b := range bases {
		names[i] = b.name
	}
	return names
}

// About says in a few words what a profile does.
func About(name string) string {
	b, _ := baseOf(name)
	return b.about
}

// A Setting is one that a profile can have in its text: NAME=VALUE.
type Setting struct{ Name, Form, About string }

// A setting knows how to read and write its value.
type setting struct {
	Setting
	set func(p *Profile, value string) error
	get func(p *Profile) []string // nil: zero
}

func settings() []setting {
	list := []setting{
		{Setting{"delay", "TIME", "how long an attempt takes: 1s; 1s..3s; exponential(1s); normal(1s sd=200ms); for the mean of the last two or for sd a percentile may stand: exponential(p95=3s), normal(1s p99=2s)"},
			func(p *Profile, v string) (err error) {
				d, err := ParseDistribution(v)
				p.Delay, p.Delays = 0, d
				if c, ok := d.constant(); err == nil && ok {
					if p.Delay, p.Delays = c, (Distribution{}); c == 0 {
						p.Delay = -1
					}
				}
				return err
			},
			func(p *Profile) []string {
				switch {
				case p.Delays != Distribution{}:
					return []string{p.Delays.String()}
				case p.Delay != 0:
					return []string{max(p.Delay, 0).String()}
				}
				return nil
			}},
		{Setting{"seed", "NUMBER", "makes what is random the same in every run"},
			func(p *Profile, v string) (err error) {
				if p.Seed, err = strconv.ParseUint(v, 10, 64); err != nil {
					return fmt.Errorf("a number is required")
				}
				return nil
			},
			func(p *Profile) []string {
				if p.Seed == 0 {
					return nil
				}
				return []string{strconv.FormatUint(p.Seed, 10)}
			}},
	}
	for _, o := range outcomes {
		list = append(list, setting{Setting{o.name, "PERCENT", o.about},
			func(p *Profile, v string) error {
				s, err := parseShare(v)
				if s.State = o.state; err == nil {
					p.Shares = append(p.Shares, s)
				}
				return err
			},
			func(p *Profile) (values []string) {
				for _, s := range p.Shares {
					if s.State == o.state {
						values = append(values, s.text())
					}
				}
				return values
			}})
	}
	burst := func(name, status string, field func(*Profile) *Burst) setting {
		return setting{Setting{name, "TIME/TIME", "refuses submissions with " + status + ": 2s/30s for the last 2 s of every 30 s"},
			func(p *Profile, v string) (err error) {
				*field(p), err = parseBurst(v)
				return err
			},
			func(p *Profile) []string {
				if b := *field(p); b != (Burst{}) {
					return []string{b.For.String() + "/" + b.Every.String()}
				}
				return nil
			}}
	}
	word := func(name, form, about string, field func(*Profile) *string) setting {
		return setting{Setting{name, form, about},
			func(p *Profile, v string) error { *field(p) = v; return nil },
			func(p *Profile) []string {
				if s := *field(p); s != "" {
					return []string{s}
				}
				return nil
			}}
	}
	return append(list,
		burst("throttle", "ESME_RTHROTTLED", func(p *Profile) *Burst { return &p.Throttle }),
		burst("queue_full", "ESME_RMSGQFUL", func(p *Profile) *Burst { return &p.QueueFull }),
		word("receipt", "FORM", "how receipts are written, see below", func(p *Profile) *string { return &p.Receipt }),
		setting{Setting{"ids", "hex|decimal|uuid", "message_ids in responses, for accounts that do not say"},
			func(p *Profile, v string) (err error) {
				p.IDs, err = message.ParseFormat(v)
				return err
			},
			func(p *Profile) []string {
				if p.IDs == message.Hex {
					return nil
				}
				return []string{p.IDs.String()}
			}},
		setting{Setting{"keywords", "on|off", "whether words in texts force an outcome, see below"},
			func(p *Profile, v string) error {
				if v != "on" && v != "off" {
					return fmt.Errorf("on or off is required")
				}
				p.IgnoreKeywords = v == "off"
				return nil
			},
			func(p *Profile) []string {
				if p.IgnoreKeywords {
					return []string{"off"}
				}
				return nil
			}},
		setting{Setting{"mo", "RATE", "messages a second from mobiles to the ESMEs that are bound to receive, each in turn"},
			func(p *Profile, v string) (err error) {
				if p.Traffic.Rate, err = strconv.ParseFloat(v, 64); err != nil {
					return fmt.Errorf("a number is required")
				}
				return nil
			},
			func(p *Profile) []string {
				if p.Traffic.Rate == 0 {
					return nil
				}
				return []string{number(p.Traffic.Rate)}
			}},
		word("mo_from", "DIGITS", "how the numbers of these mobiles begin (default "+DefaultFrom+")", func(p *Profile) *string { return &p.Traffic.From }),
		word("mo_to", "ADDRESS", "what they write to (default "+DefaultTo+")", func(p *Profile) *string { return &p.Traffic.To }),
	)
}

// Settings returns the settings that a profile can have, in order.
func Settings() []Setting {
	list := settings()
	public := make([]Setting, len(list))
	for i := range list {
		public[i] = list[i].Setting
	}
	return public
}

// Set sets what the setting of a name says, as in the text of a profile. A share
// is added to those that are set. Check finds what does not fit together.
func (p *Profile) Set(name, value string) error {
	var names []string
	for _, s := range settings() {
		if s.Name != name {
			names = append(names, s.Name)
			continue
		}
		if err := s.set(p, value); err != nil {
			return fmt.Errorf("%s %q: %w", name, value, err)
		}
		return nil
	}
	return fmt.Errorf("%q: %s are known, each with = and a value", name, strings.Join(names, ", "))
}

// ParseProfile reads the name of a profile, with settings after a colon:
//
//	deliver
//	slow:delay=1m
//	random:seed=42,delay=10ms
//	deliver:undeliverable=10/1,rejected=2.5,throttle=2s/30s
//
// The settings are those of Settings. The error names the one at fault.
func ParseProfile(s string) (Profile, error) {
	name, list, more := strings.Cut(s, ":")
	p := Profile{Name: name}
	if name == "" {
		_, err := baseOf("(none)")
		return p, err
	}
	if _, err := baseOf(name); err != nil {
		return p, err
	}
	fail := func(err error) (Profile, error) { return p, fmt.Errorf("profile %s: %w", name, err) }
	if more {
		seen := make(map[string]bool)
		for text := range strings.SplitSeq(list, ",") {
			key, value, _ := strings.Cut(text, "=")
			if !Repeats(key) && seen[key] {
				return fail(fmt.Errorf("%s is there twice", key))
			}
			seen[key] = true
			if err := p.Set(key, value); err != nil {
				return fail(err)
			}
		}
	}
	if err := p.Check(); err != nil {
		return fail(err)
	}
	return p, nil
}

// Repeats reports whether the setting of a name may be there more than once: a
// share.
func Repeats(name string) bool {
	for _, o := range outcomes {
		if o.name == name {
			return true
		}
	}
	return false
}

// String returns the text that ParseProfile reads.
func (p Profile) String() string {
	var b strings.Builder
	b.WriteString(p.Name)
	if p.Name == "" {
		b.WriteString("deliver")
	}
	sep := ":"
	for _, s := range settings() {
		for _, value := range s.get(&p) {
			b.WriteString(sep + s.Name + "=" + value)
			sep = ","
		}
	}
	return b.String()
}

// Check reports the first thing that is wrong with a profile.
func (p Profile) Check() error {
	if _, err := baseOf(p.Name); err != nil {
		return err
	}
	if err := p.Delays.check(); err != nil {
		return fmt.Errorf("delay: %w", err)
	}
	total, explicit := 0.0, false
	for _, s := range p.Shares {
		switch {
		case !(s.Percent > 0 && s.Percent <= 100):
			return fmt.Errorf("share of %v: %v %%: more than 0 and at most 100 is required", s.State, s.Percent)
		case !slices.ContainsFunc(outcomes, func(o outcome) bool { return o.state == s.State }):
			return fmt.Errorf("share of %v: no attempt comes to that", s.State)
		}
		total += s.Percent
		explicit = explicit || s.State == pdu.StateDelivered
	}
	switch {
	case total > 100+1e-9:
		return fmt.Errorf("the shares add up to %s %%: at most 100 is possible", number(total))
	case explicit && total < 100-1e-9:
		return fmt.Errorf("the shares add up to %s %%: with delivered among them 100 is required", number(total))
	}
	for name, b := range map[string]Burst{"throttle": p.Throttle, "queue_full": p.QueueFull} {
		if b != (Burst{}) && (b.For <= 0 || b.For >= b.Every) {
			return fmt.Errorf("%s %v/%v: the first has to be more than 0 and less than the second", name, b.For, b.Every)
		}
	}
	if p.Receipt != "" {
		if _, err := formOf(p.Receipt); err != nil {
			return err
		}
	}
	return p.Traffic.check()
}

// parseShare reads 10, or with an error 10/27.
func parseShare(v string) (s Share, err error) {
	percent, code, has := strings.Cut(v, "/")
	s.Percent, err = strconv.ParseFloat(percent, 64)
	if err != nil || !(s.Percent > 0 && s.Percent <= 100) {
		return s, fmt.Errorf("a number of percent, more than 0 and at most 100, is required, such as 2.5; with an error code 2.5/%d", AbsentSubscriber)
	}
	if has {
		n, err := strconv.ParseUint(code, 10, 16)
		if err != nil || n == 0 {
			return s, fmt.Errorf("error code %q: 1 to 65535 is required", code)
		}
		s.Error = uint16(n)
	}
	return s, nil
}

func (s Share) text() string {
	if s.Error == 0 {
		return number(s.Percent)
	}
	return fmt.Sprintf("%s/%d", number(s.Percent), s.Error)
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

func parseBurst(v string) (b Burst, err error) {
	first, second, _ := strings.Cut(v, "/")
	b.For, err = time.ParseDuration(first)
	if err == nil {
		b.Every, err = time.ParseDuration(second)
	}
	if err != nil || b.For <= 0 || b.For >= b.Every {
		return Burst{}, fmt.Errorf("two durations such as 2s/30s are required, the first less than the second")
	}
	return b, nil
}

// at reports whether the burst is on when a time has passed.
func (b Burst) at(passed time.Duration) bool {
	return b.Every > 0 && passed%b.Every >= b.Every-b.For
}

// A draw is what a share comes to when a random number is below it.
type draw struct {
	below uint32
	share Share
}

// draws returns the shares for a number below math.MaxUint32 that is drawn. What
// is beyond the last one delivers.
func draws(shares []Share) []draw {
	list := make([]draw, 0, len(shares))
	total := 0.0
	for _, s := range shares {
		total += s.Percent
		if s.Error == 0 {
			s.Error = usualError(s.State)
		}
		list = append(list, draw{uint32(min(total/100, 1) * math.MaxUint32), s})
	}
	return list
}
