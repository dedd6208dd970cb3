package sms_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/godwit-sms/smpp/coding"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

// noWay is more than any number of parts.
const noWay = 1 << 30

// An optimum finds the least number of parts by looking at all codings and all places to cut, with sizes of its own.
type optimum struct {
	profile  sms.Profile
	charsets []coding.Charset // with all national ones
	method   sms.Method
	header   int // octets of Options.Header
	clusters func(string) int
}

func newOptimum(p sms.Profile, o *sms.Options) *optimum {
	if o == nil {
		o = new(sms.Options)
	}
	m := &optimum{profile: p, charsets: o.Charsets, method: o.Method, header: o.Header.Len(), clusters: o.Boundary}
	if m.charsets == nil {
		m.charsets = []coding.Charset{p.Alphabet, coding.UTF16}
	}
	_, packed := p.Alphabet.(coding.Packed)
	for _, locking := range append([]coding.Language{0}, o.Languages...) {
		for _, single := range append([]coding.Language{0}, o.Languages...) {
			if g := coding.National(locking, single); g != coding.GSM7 && packed {
				m.charsets = append(m.charsets[:len(m.charsets):len(m.charsets)], coding.Packed{Alphabet: g})
			} else if g != coding.GSM7 {
				m.charsets = append(m.charsets[:len(m.charsets):len(m.charsets)], g)
			}
		}
	}
	return m
}

// fits reports whether text goes into one part behind a header of so many octets.
func fits(cs coding.Charset, text string, header int) bool {
	if header > 140 {
		return false
	}
	switch cs := cs.(type) {
	case coding.GSM:
		n, ok := coding.Len(cs, text)
		return ok && 8*header+(7-8*header%7)%7+7*n <= 8*140
	case coding.Packed:
		octets, err := coding.Packed{Alphabet: cs.Alphabet, Header: header}.AppendEncode(nil, text)
		return err == nil && header+len(octets) <= 140
	}
	n, ok := coding.Len(cs, text)
	return ok && header+n <= 140
}

// parts returns the least number of parts of text in one character set.
func (m *optimum) parts(cs coding.Charset, text string) int {
	if cs == nil {
		cs = coding.GSM7
	}
	if !coding.Encodable(cs, text) {
		return noWay
	}
	header := m.header
	var g coding.GSM
	switch cs := cs.(type) {
	case coding.GSM:
		g = cs
	case coding.Packed:
		g = cs.Alphabet
	}
	if tables := 0; g != coding.GSM7 {
		if g.Locking() != 0 {
			tables += 3
		}
		if g.Single() != 0 {
			tables += 3
		}
		header = max(header, 1) + tables
	}
	if fits(cs, text, header) || m.method == sms.ByPayload {
		return 1
	}
	switch {
	case m.method == sms.BySAR && header > 0:
		return noWay
	case m.method == sms.ByUDH:
		header = max(header, 1) + 5
	default:
		header = max(header, 1) + 6
	}
	if _, ok := cs.(coding.Packed); ok && m.method == sms.BySAR {
		header = 7 // without fill bits on the wire, but a septet more or less is the same
	}
	var at []int // where characters start, and the end
	for i := range text {
		at = append(at, i)
	}
	at = append(at, len(text))
	allowed := make([]bool, len(at))
	for i := range at {
		allowed[i] = m.clusters == nil
	}
	if m.clusters != nil {
		for start := 0; start < len(text); {
			end := start + m.clusters(text[start:])
			if _, n := utf8.DecodeRuneInString(text[start:]); end < start+n || end > len(text) {
				end = start + n
			}
			for end < len(text) && !utf8.RuneStart(text[end]) {
				end++
			}
			loose := !fits(cs, text[start:end], header)
			for i, place := range at {
				if place == end || loose && place > start && place < end {
					allowed[i] = true
				}
			}
			start = end
		}
	}
	units := make([]int, len(at)) // that the text up to there takes, if it is not packed
	for i := 1; i < len(at); i++ {
		n, _ := coding.Len(cs, text[at[i-1]:at[i]])
		units[i] = units[i-1] + n
	}
	_, isGSM := cs.(coding.GSM)
	_, packed := cs.(coding.Packed)
	between := func(j, i int) bool {
		switch n := units[i] - units[j]; {
		case packed:
			return fits(cs, text[at[j]:at[i]], header)
		case isGSM:
			return 7*n <= (8*140-8*header)/7*7
		default:
			return n <= 140-header
		}
	}
	best := make([]int, len(at)) // of the text up to there
	for i := 1; i < len(at); i++ {
		best[i] = noWay
		for j := i - 1; allowed[i] && j >= 0 && (i-j < 10 || between(j, i)); j-- {
			if best[j] < noWay && between(j, i) {
				best[i] = min(best[i], best[j]+1)
			}
		}
	}
	return best[len(at)-1]
}

// least returns the least number of parts over all codings.
func (m *optimum) least(text string) int {
	best := noWay
	for _, cs := range m.charsets {
		best = min(best, m.parts(cs, text))
	}
	return best
}

// marks keeps combining marks and joiners with the character before them, as a stand-in for a segmenter.
func marks(text string) int {
	_, n := utf8.DecodeRuneInString(text)
	for n < len(text) {
		r, size := utf8.DecodeRuneInString(text[n:])
		if !unicode.In(r, unicode.M) && r != '\u200D' && !strings.HasSuffix(text[:n], "\u200D") && (r < 0x1F3FB || r > 0x1F3FF) {
			return n
		}
		n += size
	}
	return n
}

func TestLeastParts(t *testing.T) {
	latin := []coding.Charset{coding.GSM7, coding.Latin1, coding.UTF16}
	packed := sms.Profile{Alphabet: coding.Packed{}}
	for _, c := range []struct {
		name    string
		profile sms.Profile
		options *sms.Options
	}{
		{"default", sms.Profile{}, nil},
		{"16 bits", sms.Profile{}, &sms.Options{Method: sms.ByUDH16}},
		{"SAR", sms.Profile{}, &sms.Options{Method: sms.BySAR}},
		{"payload", sms.Profile{}, &sms.Options{Method: sms.ByPayload}},
		{"ports", sms.Profile{}, &sms.Options{Header: sms.UDH{sms.Ports(1, 2)}}},
		{"UTF-16", sms.Profile{}, &sms.Options{Charsets: []coding.Charset{coding.UTF16}}},
		{"Latin 1", sms.Profile{}, &sms.Options{Charsets: latin}},
		{"Latin 1 alphabet", sms.Profile{Alphabet: coding.Latin1}, nil},
		{"all tables", sms.Profile{}, &sms.Options{Languages: sms.AllLanguages()}},
		{"all tables and Latin 1, 16 bits", sms.Profile{}, &sms.Options{Method: sms.ByUDH16, Charsets: latin, Languages: sms.AllLanguages()}},
		{"all tables, SAR", sms.Profile{}, &sms.Options{Method: sms.BySAR, Languages: sms.AllLanguages()}},
		{"clusters", sms.Profile{}, &sms.Options{Boundary: marks}},
		{"clusters, Turkish", sms.Profile{}, &sms.Options{Boundary: marks, Languages: []coding.Language{coding.Turkish}, Method: sms.ByUDH16}},
		{"packed", packed, nil},
		{"packed, SAR", packed, &sms.Options{Method: sms.BySAR}},
		{"packed, ports and tables", packed, &sms.Options{Header: sms.UDH{sms.Ports(1, 2)}, Languages: []coding.Language{coding.Turkish, coding.Spanish}}},
		{"packed, payload", packed, &sms.Options{Method: sms.ByPayload}},
		{"packed clusters", packed, &sms.Options{Boundary: marks}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, 6))
			m := newOptimum(c.profile, c.options)
			for range 25 {
				text := randomText(r)
				checkSplit(t, c.profile, text, c.options, r)
				e, err := c.profile.Estimate(text, c.options)
				if want := m.least(text); err != nil || e.Parts != want {
					t.Fatalf("%q: %d parts, %v, want %d", text, e.Parts, err, want)
				}
			}
		})
	}
}

// Every text of a few characters, with parts that hold next to nothing.
func TestLeastPartsOfEveryText(t *testing.T) {
	characters := []string{"a", "€", "ş", "e\u0301", "\r", "😀"}
	const longest = 4
	texts := []string{""}
	for start := 0; len(texts[start]) == 0 || utf8.RuneCountInString(texts[len(texts)-1]) < longest; {
		end := len(texts)
		for _, t := range texts[start:end] {
			for _, c := range characters {
				texts = append(texts, t+c)
			}
		}
		start = end
	}
	turkish := []coding.Language{coding.Turkish}
	for _, room := range []int{2, 3, 5} { // octets in a part of several
		header := sms.UDH{{ID: 0x70, Data: make([]byte, 140-8-room)}}
		for _, c := range []struct {
			profile sms.Profile
			options sms.Options
		}{
			{sms.Profile{}, sms.Options{}},
			{sms.Profile{}, sms.Options{Languages: turkish, Boundary: marks}},
			{sms.Profile{}, sms.Options{Charsets: []coding.Charset{coding.Latin1, coding.GSM7}, Languages: turkish}},
			{sms.Profile{Alphabet: coding.Packed{}}, sms.Options{Languages: turkish, Boundary: marks}},
		} {
			c.options.Header = header
			m := newOptimum(c.profile, &c.options)
			t.Run(fmt.Sprintf("%d octets in %v %v", room, c.profile.Alphabet, c.options.Charsets), func(t *testing.T) {
				carried := 0
				for _, text := range texts {
					list, err := c.profile.Compose(&pdu.SubmitSM{Source: acme, Dest: alice}, text, &c.options)
					want := m.least(text)
					if want == noWay {
						if err == nil {
							t.Fatalf("%q: %d parts, but it cannot be carried", text, len(list))
						}
						continue
					}
					if err != nil || len(list) != want {
						t.Fatalf("%q: %d parts, %v, want %d", text, len(list), err, want)
					}
					carried++
					j := &sms.Joiner{Profile: c.profile}
					for i, part := range list {
						if joined, ok := add(t, j, deliver(part)); ok != (i == len(list)-1) || ok && joined.Text != text {
							t.Fatalf("%q: joined to %+v, %t", text, joined, ok)
						}
					}
				}
				if carried < 100 {
					t.Errorf("%d of %d texts carried", carried, len(texts))
				}
			})
		}
	}
}
