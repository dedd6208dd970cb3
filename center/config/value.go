package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/godwit-sms/smpp/center/account"
	"github.com/godwit-sms/smpp/center/front"
	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/proxy"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
	"github.com/godwit-sms/smpp/tlv"
	"go.yaml.in/yaml/v4"
)

// An Error is one thing that is wrong with a file.
type Error struct {
	File  string
	Line  int
	Key   string // accounts[1].window; empty: the file
	Value string // empty: there is none to show
	Rule  string // what is wrong, or what is required
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s:%d: ", e.File, e.Line)
	if e.Key != "" {
		s += e.Key + ": "
	}
	if e.Value != "" {
		s += strconv.Quote(e.Value) + ": "
	}
	return s + e.Rule
}

// A key is one of the file, or of a section of it.
type key struct {
	name     string
	about    string
	zero     string // the default, in words; empty: none
	required bool
	live     bool  // it can change while the message center runs
	value    value // zero: a section
	keys     []key // of a section
}

// A value is how the value of a key is read.
type value struct {
	form   string // what is required, in words
	secret bool   // it is shown in no error
	many   bool   // form tells of several
	read   func(r *reader, path string, n *yaml.Node)
	get    func() any
	keys   func() []key // of the entries of a list
}

// A reader gathers what is wrong with a file.
type reader struct {
	file  string
	lines map[string]int // of the keys that were read
	errs  []error
}

// most is how many errors are told of.
const most = 20

func (r *reader) fail(n *yaml.Node, path, value, rule string) {
	if len(r.errs) < most {
		r.errs = append(r.errs, &Error{r.file, n.Line, path, value, rule})
	}
}

// refuse tells that a value is not what its key requires.
func (r *reader) refuse(v *value, n *yaml.Node, path string, why error) {
	rule := v.form + " is required"
	if v.many {
		rule = v.form + " are allowed"
	}
	if why != nil && !errors.Is(why, errNotAllowed) {
		rule = why.Error()
	}
	shown := ""
	if n.Kind == yaml.ScalarNode && !v.secret {
		shown = n.Value
	}
	r.fail(n, path, shown, rule)
}

var errNotAllowed = errors.New("not allowed")

func deref(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	return n
}

// section reads a mapping.
func (r *reader) section(path string, n *yaml.Node, keys []key) {
	n = deref(n)
	if n.Kind != yaml.MappingNode {
		r.fail(n, path, "", "keys with values are required: "+names(keys))
		return
	}
	seen := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, v := n.Content[i], deref(n.Content[i+1])
		full := name.Value
		if !word.MatchString(full) {
			full = "(a key)" // who knows what has become a key for want of quotes
		}
		if path != "" {
			full = path + "." + full
		}
		at := slices.IndexFunc(keys, func(k key) bool { return k.name == name.Value })
		switch line, twice := seen[name.Value], seen[name.Value] > 0; {
		case name.Kind != yaml.ScalarNode:
			r.fail(name, path, "", "a key is a word; allowed: "+names(keys))
			continue
		case at < 0:
			rule := "there is no such key; allowed: " + names(keys)
			if near := nearest(name.Value, keys); near != "" {
				rule = "there is no such key; did you mean " + near + "? Allowed: " + names(keys)
			}
			r.fail(name, full, "", rule)
			continue
		case twice:
			r.fail(name, full, "", fmt.Sprintf("it is there twice, the first time on line %d", line))
			continue
		}
		seen[name.Value] = name.Line
		r.lines[full] = name.Line
		k := &keys[at]
		if v.Kind == yaml.ScalarNode && v.Tag == "!!null" && v.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) == 0 {
			r.fail(name, full, "", "a value is missing")
			continue
		}
		if k.keys != nil {
			r.section(full, v, k.keys)
		} else {
			k.value.read(r, full, v)
		}
	}
	for _, k := range keys {
		if k.required && seen[k.name] == 0 {
			r.fail(n, strings.TrimPrefix(path+"."+k.name, "."), "", "it is missing")
		}
	}
}

// word is what can be the name of a key.
var word = regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`)

func names(keys []key) string {
	var all []string
	for _, k := range keys {
		all = append(all, k.name)
	}
	return strings.Join(all, ", ")
}

// nearest returns the key that a word is most likely meant to be, or "".
func nearest(word string, keys []key) string {
	best, distance := "", max(len(word)/3, 1)+1
	for _, k := range keys {
		if d := edits(word, k.name); d < distance {
			best, distance = k.name, d
		}
	}
	return best
}

// edits returns how many letters have to be changed, added or left out to make b
// of a.
func edits(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// scalar is a value that is one word.
func scalar[T any](p *T, form string, parse func(string) (T, error)) value {
	v := value{form: form, get: func() any { return *p }}
	v.read = func(r *reader, path string, n *yaml.Node) {
		if n.Kind != yaml.ScalarNode {
			r.refuse(&v, n, path, nil)
			return
		}
		x, err := parse(n.Value)
		if err != nil {
			r.refuse(&v, n, path, err)
			return
		}
		*p = x
	}
	return v
}

// list is a value that is several words, or one.
func list[T any](p *[]T, form string, parse func(string) (T, error)) value {
	v := value{form: form, many: true, get: func() any { return *p }}
	v.read = func(r *reader, path string, n *yaml.Node) {
		items := []*yaml.Node{n}
		if n.Kind == yaml.SequenceNode {
			items = n.Content
		}
		all := make([]T, 0, len(items))
		for i, item := range items {
			item = deref(item)
			at := path
			if n.Kind == yaml.SequenceNode {
				at = fmt.Sprintf("%s[%d]", path, i)
			}
			if item.Kind != yaml.ScalarNode {
				r.refuse(&v, item, at, nil)
				continue
			}
			x, err := parse(item.Value)
			if err != nil {
				r.refuse(&v, item, at, err)
				continue
			}
			all = append(all, x)
		}
		*p = all
	}
	return v
}

// entries is a value that is a list of sections.
func entries[T any](p *[]T, keys func(*T) []key, zero func() T, finish func(*T) error) value {
	v := value{form: "a list of sections", get: func() any { return *p }, keys: func() []key { x := zero(); return keys(&x) }}
	v.read = func(r *reader, path string, n *yaml.Node) {
		if n.Kind != yaml.SequenceNode {
			r.refuse(&v, n, path, fmt.Errorf("a list is required, each entry with keys of its own: %s", names(v.keys())))
			return
		}
		before := *p // by another key
		for i, item := range n.Content {
			x := zero()
			at := fmt.Sprintf("%s[%d]", path, i)
			failed := len(r.errs)
			r.section(at, item, keys(&x))
			if finish != nil && len(r.errs) == failed {
				if err := finish(&x); err != nil {
					r.fail(item, at, "", err.Error())
				}
			}
			before = append(before, x)
		}
		*p = before
	}
	return v
}

func secret(v value) value {
	read := v.read
	v.read = func(r *reader, path string, n *yaml.Node) {
		hidden := *n
		kept := len(r.errs)
		read(r, path, &hidden)
		for _, err := range r.errs[kept:] {
			var e *Error
			if errors.As(err, &e) {
				e.Value = ""
			}
		}
	}
	v.secret = true
	return v
}

func text(s *string, form string) value {
	return scalar(s, form, func(x string) (string, error) { return x, nil })
}

func textPointer(s **string, form string) value {
	return scalar(s, form, func(x string) (*string, error) { return &x, nil })
}

func cstring(s *string, least, most int) value {
	return scalar(s, fmt.Sprintf("%d to %d octets", least, most), func(x string) (string, error) {
		if len(x) < least || len(x) > most {
			return "", fmt.Errorf("%d octets; %d to %d are allowed", len(x), least, most)
		}
		if strings.ContainsRune(x, 0) {
			return "", errors.New("a NUL; none is allowed")
		}
		return x, nil
	})
}

func texts(s *[]string, form string, check func(string) error) value {
	return list(s, form, func(x string) (string, error) {
		if check == nil {
			return x, nil
		}
		return x, check(x)
	})
}

func hostPort(s string) error {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return errNotAllowed
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n > 65535 {
		return errors.New("host:port is required, with a port from 0 to 65535")
	}
	return nil
}

func oneOf(s *string, words ...string) value {
	return several(scalar(s, strings.Join(words, ", "), func(x string) (string, error) {
		if !slices.Contains(words, x) {
			return "", errNotAllowed
		}
		return x, nil
	}))
}

// several makes the form of a value one that tells of several.
func several(v value) value {
	read := v.read
	v.many = true
	v.read = func(r *reader, path string, n *yaml.Node) {
		kept := len(r.errs)
		read(r, path, n)
		for _, err := range r.errs[kept:] {
			var e *Error
			if errors.As(err, &e) {
				e.Rule = strings.Replace(e.Rule, v.form+" is required", v.form+" are allowed", 1)
			}
		}
	}
	return v
}

func flag(b *bool) value { return scalar(b, "true or false", parseFlag) }

func parseFlag(s string) (bool, error) {
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errNotAllowed
}

func count(n *int, least, most int) value {
	return scalar(n, fmt.Sprintf("a whole number from %d to %d", least, most), func(s string) (int, error) {
		x, err := strconv.Atoi(strings.ReplaceAll(s, "_", ""))
		if err != nil || x < least || x > most {
			return 0, errNotAllowed
		}
		return x, nil
	})
}

func number(f *float64) value {
	return scalar(f, "a number, 0 or more", func(s string) (float64, error) {
		x, err := strconv.ParseFloat(s, 64)
		if err != nil || !(x >= 0) || math.IsInf(x, 0) {
			return 0, errors.New("a number, 0 or more, is required")
		}
		return x, nil
	})
}

func byteNumber[T ~uint8](n *T) value {
	return scalar(n, "a number from 0 to 255", func(s string) (T, error) {
		x, err := strconv.ParseUint(s, 0, 8)
		if err != nil {
			return 0, errNotAllowed
		}
		return T(x), nil
	})
}

func tag(t *tlv.Tag) value {
	return scalar(t, "a number from 0x0001 to 0xFFFF", func(s string) (tlv.Tag, error) {
		x, err := strconv.ParseUint(s, 0, 16)
		if err != nil || x == 0 {
			return 0, errNotAllowed
		}
		return tlv.Tag(x), nil
	})
}

var sizes = []struct {
	unit string
	size int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}}

func octets(n *int64) value { return sized(n, 0, math.MaxInt64) }

func sized(n *int64, least, most int64) value {
	return scalar(n, "a size such as 64MiB or 2GiB", func(s string) (int64, error) {
		size := int64(1)
		for _, u := range sizes {
			if rest, ok := strings.CutSuffix(s, u.unit); ok {
				s, size = strings.TrimSpace(rest), u.size
			}
		}
		x, err := strconv.ParseInt(s, 10, 64)
		if err != nil || x < 0 || x > math.MaxInt64/size {
			return 0, errNotAllowed
		}
		if x *= size; x < least || x > most {
			return 0, fmt.Errorf("%s to %s are possible", sizeText(least), sizeText(most))
		}
		return x, nil
	})
}

func sizeText(n int64) string {
	for _, u := range slices.Backward(sizes) {
		if n >= u.size && n%u.size == 0 {
			return fmt.Sprint(n/u.size, u.unit)
		}
	}
	return fmt.Sprint(n)
}

func parseDuration(s string, least time.Duration) (time.Duration, error) {
	var d time.Duration
	var err error
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int64
		if n, err = strconv.ParseInt(days, 10, 32); err == nil && n > 10_000 {
			return 0, errors.New("too long; 10000d is the longest")
		}
		d = time.Duration(n) * 24 * time.Hour
	} else {
		d, err = time.ParseDuration(s)
	}
	if err != nil {
		return 0, errNotAllowed
	}
	if d < least {
		return 0, fmt.Errorf("%v or more is required", least)
	}
	return d, nil
}

const durationForm = "a duration such as 500ms, 30s, 5m, 24h or 30d"

func duration(d *time.Duration, least time.Duration) value {
	return scalar(d, durationForm, func(s string) (time.Duration, error) { return parseDuration(s, least) })
}

func durations(d *[]time.Duration, least time.Duration) value {
	return list(d, "durations such as [1s, 5m]", func(s string) (time.Duration, error) { return parseDuration(s, least) })
}

// orOff makes 0 mean that there is none, which is negative where zero means the
// default.
func orOff(v value, d *time.Duration) value {
	read := v.read
	v.read = func(r *reader, path string, n *yaml.Node) {
		failed := len(r.errs)
		read(r, path, n)
		if *d == 0 && len(r.errs) == failed {
			*d = -1
		}
	}
	return v
}

func parsed[T any](p *T, form string, parse func(string) (T, error)) value {
	return scalar(p, form, func(s string) (T, error) {
		x, err := parse(s)
		if s == "" || err != nil {
			err = errNotAllowed
		}
		return x, err
	})
}

func parseFormat(s string) (message.Format, error) { return message.ParseFormat(s) }

func zone(z **time.Location) value {
	v := parsed(z, "a name such as Europe/Berlin", time.LoadLocation)
	v.get = func() any { // by name: two readings of one zone are not the same in memory
		if *z == nil {
			return ""
		}
		return (*z).String()
	}
	return v
}

func networks(p *[]netip.Prefix) value {
	return list(p, "networks such as 10.0.0.0/8 and addresses", func(s string) (netip.Prefix, error) {
		if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
			return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
		}
		n, err := netip.ParsePrefix(s)
		if err != nil {
			return n, errNotAllowed
		}
		if n != n.Masked() {
			return n, fmt.Errorf("there are bits beyond its mask; %v is the network", n.Masked())
		}
		return n, nil
	})
}

// proxies reads addresses and networks, in a list or with commas between them.
func proxies(p *[]netip.Prefix) value {
	var texts []string
	v := list(&texts, "addresses and networks such as 10.0.0.0/8, in a list or with commas between them,", func(s string) (string, error) {
		if s == "" {
			return "", nil // none
		}
		_, err := proxy.ParseTrusted(s)
		if err != nil && !strings.Contains(s, ",") {
			err = errNotAllowed
		}
		return s, err
	})
	read := v.read
	v.read = func(r *reader, path string, n *yaml.Node) {
		failed := len(r.errs)
		read(r, path, n)
		if len(r.errs) > failed {
			return
		}
		*p = nil
		for _, s := range texts {
			if s != "" {
				all, _ := proxy.ParseTrusted(s) // as before
				*p = append(*p, all...)
			}
		}
	}
	v.get = func() any { return *p }
	return v
}

func modes(m *account.Modes) value {
	var words []string
	v := list(&words, "transmitter, receiver, transceiver", func(s string) (string, error) {
		if _, err := account.ParseModes(s); err != nil {
			return "", errNotAllowed
		}
		return s, nil
	})
	read := v.read
	v.read = func(r *reader, path string, n *yaml.Node) {
		failed := len(r.errs)
		read(r, path, n)
		if len(r.errs) > failed {
			return
		}
		if len(words) == 0 {
			r.fail(n, path, "", "one at least is required: "+v.form)
			return
		}
		*m, _ = account.ParseModes(words...) // each was read before
	}
	v.get = func() any { return *m }
	return v
}

func expression(p **regexp.Regexp) value {
	v := scalar(p, "a regular expression", func(s string) (*regexp.Regexp, error) {
		x, err := regexp.Compile(s)
		if err != nil {
			return nil, fmt.Errorf("a regular expression is required: %w", err)
		}
		return x, nil
	})
	return v
}

func dlt(rules *[]account.TLVRule) value {
	var on bool
	v := flag(&on)
	read := v.read
	v.read = func(r *reader, path string, n *yaml.Node) {
		read(r, path, n)
		if on {
			*rules = append(*rules, account.DLT()...)
		}
	}
	v.get = func() any { return on }
	return v
}

// lists reads distribution lists: a name and its members.
func lists(p *map[string][]pdu.Address) value {
	v := value{form: "names, each with a list of addresses", many: true, get: func() any { return *p }}
	v.read = func(r *reader, path string, n *yaml.Node) {
		if n.Kind != yaml.MappingNode {
			r.refuse(&v, n, path, nil)
			return
		}
		all := make(map[string][]pdu.Address)
		for i := 0; i+1 < len(n.Content); i += 2 {
			name := n.Content[i].Value
			at := path + "." + name
			var members []pdu.Address
			one := list(&members, "addresses such as \"+491701234567\"", func(s string) (pdu.Address, error) {
				a, err := sms.ParseAddress(s)
				if err != nil {
					return a, errNotAllowed
				}
				return a, nil
			})
			one.read(r, at, deref(n.Content[i+1]))
			if _, twice := all[name]; twice {
				r.fail(n.Content[i], at, "", "it is there twice")
			}
			all[name] = members
		}
		if err := account.CheckLists(all); err != nil {
			r.fail(n, path, "", err.Error())
		}
		*p = all
	}
	return v
}

func serviceType(s string) error {
	if len(s) < 1 || len(s) > 5 || strings.ContainsRune(s, 0) {
		return errNotAllowed
	}
	return nil
}

// defaultTexts reads canned messages: a number and its text.
func defaultTexts(p *map[uint8]string) value {
	v := value{form: "numbers from 1 to 255, each with a text", many: true, get: func() any { return *p }}
	v.read = func(r *reader, path string, n *yaml.Node) {
		if n.Kind != yaml.MappingNode {
			r.refuse(&v, n, path, nil)
			return
		}
		all := make(map[uint8]string)
		for i := 0; i+1 < len(n.Content); i += 2 {
			name, text := n.Content[i], deref(n.Content[i+1])
			at := path + "." + name.Value
			id, err := strconv.ParseUint(name.Value, 10, 8)
			switch _, twice := all[uint8(id)]; {
			case err != nil || id == 0:
				r.fail(name, at, "", "a number from 1 to 255 is required")
			case twice:
				r.fail(name, at, "", "it is there twice")
			case text.Kind != yaml.ScalarNode:
				r.fail(text, at, "", "a text is required")
			default:
				all[uint8(id)] = text.Value
			}
		}
		if _, err := front.ParseTexts(all, sms.Profile{}); err != nil {
			r.fail(n, path, "", err.Error())
		}
		*p = all
	}
	return v
}
