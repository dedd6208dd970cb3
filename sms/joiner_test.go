package sms_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
	"github.com/godwit-sms/smpp/tlv"
)

// part makes a part of a long message from alice.
func part(ref, total, index uint8, text string) *pdu.DeliverSM {
	h, _ := sms.UDH{sms.Concat8(ref, total, index)}.Append(nil)
	return &pdu.DeliverSM{Source: alice, Dest: acme, ESMClass: pdu.UDHI, ShortMessage: append(h, text...)}
}

func TestJoiner(t *testing.T) {
	part16 := func(ref uint16, total, index uint8, text string) *pdu.DeliverSM {
		h, _ := sms.UDH{sms.Concat16(ref, total, index)}.Append(nil)
		return &pdu.DeliverSM{Source: alice, Dest: acme, ESMClass: pdu.UDHI, ShortMessage: append(h, text...)}
	}
	sar := func(ref uint16, total, index uint8, text string) *pdu.DeliverSM {
		return &pdu.DeliverSM{Source: alice, Dest: acme, ShortMessage: []byte(text), TLVs: tlv.List{pdu.TLVSARMsgRefNum.Option(ref),
			pdu.TLVSARTotalSegments.Option(total), pdu.TLVSARSegmentSeqnum.Option(index)}}
	}
	from := func(a pdu.Address, m *pdu.DeliverSM) *pdu.DeliverSM { m.Source = a; return m }
	to := func(a pdu.Address, m *pdu.DeliverSM) *pdu.DeliverSM { m.Dest = a; return m }
	ucs2 := func(m *pdu.DeliverSM) *pdu.DeliverSM { m.DataCoding = 8; return m }
	bob := pdu.International("4915112345678")
	for _, c := range []struct {
		name    string
		in      []pdu.Body
		out     []string // "" for each PDU that completes nothing
		waiting int
	}{
		{"in order", []pdu.Body{part(1, 3, 1, "a"), part(1, 3, 2, "b"), part(1, 3, 3, "c")}, []string{"", "", "abc"}, 0},
		{"P15 last first", []pdu.Body{part(1, 3, 3, "c"), part(1, 3, 1, "a"), part(1, 3, 2, "b")}, []string{"", "", "abc"}, 0},
		{"duplicates", []pdu.Body{part(1, 2, 1, "a"), part(1, 2, 1, "a"), part(1, 2, 2, "b")}, []string{"", "", "ab"}, 0},
		{"reference used again", []pdu.Body{part(1, 2, 1, "a"), part(1, 2, 1, "x"), part(1, 2, 2, "y")}, []string{"", "", "xy"}, 0},
		{"again after it was complete", []pdu.Body{part(1, 2, 1, "a"), part(1, 2, 2, "b"), part(1, 2, 2, "d"), part(1, 2, 1, "c")}, []string{"", "ab", "", "cd"}, 0},
		{"two at once", []pdu.Body{part(1, 2, 1, "a"), part(2, 2, 2, "y"), part(1, 2, 2, "b"), part(2, 2, 1, "x")}, []string{"", "", "ab", "xy"}, 0},
		{"another source", []pdu.Body{part(1, 2, 1, "a"), from(bob, part(1, 2, 2, "b"))}, []string{"", ""}, 2},
		{"another destination", []pdu.Body{part(1, 2, 1, "a"), to(bob, part(1, 2, 2, "b"))}, []string{"", ""}, 2},
		{"another total", []pdu.Body{part(1, 2, 1, "a"), part(1, 3, 2, "b")}, []string{"", ""}, 2},
		{"16 bits", []pdu.Body{part16(500, 2, 2, "b"), part16(500, 2, 1, "a")}, []string{"", "ab"}, 0},
		{"8 and 16 bits", []pdu.Body{part16(5, 2, 2, "b"), part(5, 2, 1, "a")}, []string{"", ""}, 2},
		{"SAR", []pdu.Body{sar(500, 2, 2, "b"), sar(500, 2, 1, "a")}, []string{"", "ab"}, 0},
		{"one piece", []pdu.Body{&pdu.DeliverSM{ShortMessage: []byte("hi")}}, []string{"hi"}, 0},
		{"one part of one", []pdu.Body{part(1, 1, 1, "hi")}, []string{"hi"}, 0},
		{"part that cannot be", []pdu.Body{part(1, 2, 3, "hi")}, []string{"hi"}, 0},
		{"no message", []pdu.Body{&pdu.EnquireLink{}}, []string{""}, 0},
		{"a receipt is whole", []pdu.Body{&pdu.DeliverSM{ESMClass: 0x44, ShortMessage: part(1, 2, 1, "id:1").ShortMessage}}, []string{"id:1"}, 0},
		{"parts of different character sets", []pdu.Body{part(1, 2, 1, "5 \x1Be"), ucs2(part(1, 2, 2, "\x04\x1F"))}, []string{"", "5 €П"}, 0},
		{"cut within a surrogate pair", []pdu.Body{ucs2(part(1, 2, 1, "\x00a\xD8\x3D")), ucs2(part(1, 2, 2, "\xDE\x00"))}, []string{"", "a😀"}, 0},
		{"cut within an escape", []pdu.Body{part(1, 2, 1, "5 \x1B"), part(1, 2, 2, "e")}, []string{"", "5 €"}, 0},
		{"cut within a unit", []pdu.Body{ucs2(part(1, 2, 1, "\x04")), ucs2(part(1, 2, 2, "\x1F"))}, []string{"", "П"}, 0},
		{"one part is garbled", []pdu.Body{ucs2(part(1, 2, 1, "\x00a\x04")), ucs2(part(1, 2, 2, "\x04\x1F"))}, []string{"", "a\uFFFDП"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := new(sms.Joiner)
			for i, b := range c.in {
				m, ok := add(t, j, b)
				if ok != (c.out[i] != "") || ok != (m != nil) || ok && m.Text != c.out[i] {
					t.Fatalf("PDU %d: %+v, %t", i, m, ok)
				}
				if ok && len(m.Parts) > 1 && (m.Source != alice || m.Dest != acme || len(m.Missing) != 0 || m.Parts[0].Concat.Index != 1) {
					t.Errorf("%+v", m)
				}
			}
			if j.Waiting() != c.waiting {
				t.Errorf("%d waiting", j.Waiting())
			}
		})
	}
}

func TestJoinerSubmitMulti(t *testing.T) {
	j := new(sms.Joiner)
	add := func(index uint8, text string, dests ...pdu.Destination) (*sms.Message, bool) {
		d := part(1, 2, index, text)
		return add(t, j, &pdu.SubmitMulti{Source: acme, Dests: dests, ESMClass: d.ESMClass, ShortMessage: d.ShortMessage})
	}
	list, both := pdu.Destination{List: "team"}, pdu.To(alice, pdu.ShortCode("1"))
	add(1, "a", both...)
	add(1, "x", list)
	if m, ok := add(2, "b", both...); !ok || m.Text != "ab" {
		t.Errorf("%+v, %t", m, ok)
	}
	if m, ok := add(2, "y", list); !ok || m.Text != "xy" {
		t.Errorf("%+v, %t", m, ok)
	}
}

// What the Joiner keeps is its own: the buffers of a PDU may be used again.
func TestJoinerCopies(t *testing.T) {
	j := new(sms.Joiner)
	m := part(1, 2, 1, "abc")
	add(t, j, m)
	clear(m.ShortMessage)
	whole, ok := add(t, j, part(1, 2, 2, "def"))
	if !ok || whole.Text != "abcdef" || whole.Header().String() != "00:010201" {
		t.Errorf("%+v, %t", whole, ok)
	}
}

func TestJoinerLost(t *testing.T) {
	var lost []string
	newJoiner := func() *sms.Joiner {
		lost = nil
		j := &sms.Joiner{Expiry: time.Minute}
		j.Lost = func(m *sms.Message) {
			lost = append(lost, fmt.Sprintf("%s %v", m.Text, m.Missing))
			j.Waiting() // no lock is held
		}
		return j
	}
	want := func(t *testing.T, texts ...string) {
		t.Helper()
		if fmt.Sprint(lost) != fmt.Sprint(texts) {
			t.Errorf("lost %q, want %q", lost, texts)
		}
	}
	t.Run("expiry", func(t *testing.T) {
		j := newJoiner()
		add(t, j, part(1, 4, 3, "c"))
		addAt(t, j, epoch.Add(30*time.Second), part(1, 4, 1, "a"))
		addAt(t, j, epoch.Add(30*time.Second), part(2, 2, 1, "x"))
		expire(t, j, epoch.Add(time.Minute-1))
		want(t)
		expire(t, j, epoch.Add(time.Minute))
		want(t, "ac [2 4]")
		if m, ok := addAt(t, j, epoch.Add(2*time.Minute), part(2, 2, 2, "y")); ok {
			t.Errorf("%+v after expiry", m)
		}
		want(t, "ac [2 4]", "x [2]")
	})
	t.Run("a missing part stands between halves", func(t *testing.T) {
		j := newJoiner()
		for index, octets := range map[uint8]string{1: "\x00a\xD8\x3D", 3: "\xDE\x00\x00b"} { // of an emoji each, but not the same
			m := part(1, 3, index, octets)
			m.DataCoding = pdu.CodingUCS2
			add(t, j, m)
		}
		expire(t, j, epoch.Add(time.Hour))
		want(t, "a\uFFFD\uFFFDb [2]")
	})
	t.Run("messages", func(t *testing.T) {
		j := newJoiner()
		j.MaxMessages = 2
		for i := range uint8(4) {
			add(t, j, part(i, 2, 1, fmt.Sprint(i)))
		}
		want(t, "0 [2]", "1 [2]")
		if j.Waiting() != 2 {
			t.Errorf("%d waiting", j.Waiting())
		}
	})
	t.Run("octets", func(t *testing.T) {
		j := newJoiner()
		j.MaxOctets = 3 * (256 + 32 + 106)
		for i := range uint8(5) {
			add(t, j, part(i, 2, 1, repeat(fmt.Sprint(i), 100)))
		}
		if len(lost) != 2 || j.Waiting() != 3 {
			t.Errorf("lost %q, %d waiting", lost, j.Waiting())
		}
		if m, ok := add(t, j, part(4, 2, 2, repeat("x", 10000))); !ok || len(m.Text) != 10100 {
			t.Error("a part that completes a message needs no room")
		}
		add(t, j, part(9, 2, 1, repeat("y", 10000)))
		if j.Waiting() != 0 {
			t.Errorf("%d waiting with a part beyond the limit", j.Waiting())
		}
	})
	t.Run("elements", func(t *testing.T) {
		j := newJoiner()
		j.MaxOctets = 30000
		for i := range uint8(10) {
			h := sms.UDH{sms.Concat8(i, 2, 1)}
			for range 120 { // which take far more memory than octets
				h = append(h, sms.Element{ID: 0x70})
			}
			b, err := h.Append(nil)
			if err != nil {
				t.Fatal(err)
			}
			add(t, j, &pdu.DeliverSM{Source: alice, Dest: acme, ESMClass: pdu.UDHI, ShortMessage: b})
		}
		if j.Waiting() != 6 {
			t.Errorf("%d waiting", j.Waiting())
		}
	})
	t.Run("reference used again", func(t *testing.T) {
		j := newJoiner()
		add(t, j, part(1, 2, 1, "a"))
		add(t, j, part(1, 2, 1, "b"))
		want(t, "a [2]")
	})
}

// Messages of several senders with the same references, carried in all ways, their parts mixed and some repeated: each
// comes out once, and as it was.
func TestJoinerMixed(t *testing.T) {
	type partOf struct {
		text string
		pdu  pdu.Body
	}
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 7))
		missing := map[string]map[pdu.Body]bool{} // parts that did not come yet, by what the message is
		var parts []partOf
		for sender := range 4 {
			source := pdu.International(fmt.Sprintf("4917000000%d", sender))
			for ref := range uint16(3) {
				for _, method := range []sms.Method{sms.ByUDH, sms.ByUDH16, sms.BySAR} {
					text := fmt.Sprint(sender, ref, method, randomText(r))
					list, err := sms.Profile{}.Compose(&pdu.SubmitSM{Source: source, Dest: acme}, text, &sms.Options{Method: method,
						Reference: func(pdu.Address, pdu.Address) uint16 { return ref }})
					if err != nil {
						t.Fatal(err)
					}
					missing[text] = map[pdu.Body]bool{}
					for _, m := range list {
						p := partOf{text, overTheWire(t, deliver(m))}
						missing[text][p.pdu] = true
						parts = append(parts, p)
						if r.IntN(3) == 0 {
							parts = append(parts, p)
						}
					}
				}
			}
		}
		r.Shuffle(len(parts), func(i, k int) { parts[i], parts[k] = parts[k], parts[i] })
		j := new(sms.Joiner)
		for _, p := range parts {
			if len(missing[p.text]) == 0 {
				continue // repeated when all is over: that would be another message
			}
			delete(missing[p.text], p.pdu)
			m, ok := add(t, j, p.pdu)
			if ok != (len(missing[p.text]) == 0) || ok && (m.Text != p.text || m.Source.Addr[10] != p.text[0]) {
				t.Fatalf("seed %d: %+v, %t for a part of %q", seed, m, ok, p.text)
			}
		}
		if j.Waiting() != 0 {
			t.Fatalf("seed %d: %d waiting", seed, j.Waiting())
		}
	}
}

func TestJoinerConcurrently(t *testing.T) {
	j := new(sms.Joiner)
	var wg sync.WaitGroup
	var mu sync.Mutex
	complete := 0
	for g := range uint8(8) {
		wg.Go(func() {
			for ref := range uint8(100) {
				if _, ok := add(t, j, part(ref, 8, g+1, "x")); ok {
					mu.Lock()
					complete++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if complete != 100 || j.Waiting() != 0 {
		t.Errorf("%d complete, %d waiting", complete, j.Waiting())
	}
}
