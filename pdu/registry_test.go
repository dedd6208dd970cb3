package pdu_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// Ping, Beat and CampaignID are a vendor's command, notice and TLV.
type Ping struct {
	Text string
	N    uint16
	TLVs tlv.List
}

func (*Ping) Command() pdu.CommandID { return 0x00010200 }
func (*Ping) NewResponse() *PingResp { return new(PingResp) }
func (p *Ping) Fields(c *pdu.Codec) {
	c.CString("text", &p.Text, 65, pdu.StatusSystemError)
	c.Uint16("n", &p.N, 0)
	c.TLVs(&p.TLVs)
}

type PingResp struct {
	Parts []Part
	Load  uint8
	Since uint32
	Due   pdu.Time
	Tail  []byte
}

type Part struct {
	From pdu.Address
	Data []byte
}

func (*PingResp) Command() pdu.CommandID { return 0x80010200 }
func (p *PingResp) Fields(c *pdu.Codec) {
	pdu.List(c, "part_count", "parts", &p.Parts, 0, 4, pdu.StatusInvalidNumberOfMessages, func(p *Part, c *pdu.Codec) {
		c.Address("from", &p.From, 21, pdu.StatusInvalidSource)
		c.Octets8("data_length", "data", &p.Data, 200, 0)
	})
	c.Uint8("load", &p.Load, 0)
	c.Uint32("since", &p.Since, 0)
	c.Time("due", &p.Due, pdu.StatusInvalidScheduleTime, 1, 17)
	c.Rest("tail", &p.Tail)
}

type Beat struct{ Count uint8 }

func (*Beat) Command() pdu.CommandID { return 0x00010201 }
func (b *Beat) Fields(c *pdu.Codec)  { c.Uint8("count", &b.Count, 0) }

// Nothing is a command without fields.
type Nothing struct{}

func (*Nothing) Command() pdu.CommandID    { return 0x000102FF }
func (*Nothing) NewResponse() *NothingResp { return nil }
func (*Nothing) Fields(*pdu.Codec)         {}

type NothingResp struct{}

func (*NothingResp) Command() pdu.CommandID { return 0x800102FF }
func (*NothingResp) Fields(*pdu.Codec)      {}

var CampaignID = tlv.Define(0x1400, "campaign_id", tlv.CString(9))

func vendor() *pdu.Registry {
	reg := pdu.Standard().Clone()
	pdu.Register[Ping, PingResp](reg, "vendor_ping")
	pdu.Register[Nothing, NothingResp](reg, "vendor_nothing")
	pdu.RegisterNotice[Beat](reg, "vendor_beat")
	reg.DefineTLV(CampaignID)
	return reg
}

func TestCustomCommands(t *testing.T) {
	reg := vendor()
	ping := &Ping{Text: "hello", N: 0x1234}
	CampaignID.Set(&ping.TLVs, "summer")
	for _, tt := range []struct {
		name   string
		body   pdu.Body
		notice bool
		want   string
	}{
		{"vendor_ping", ping, false, "00000023 00010200 00000000 00000007 68656c6c6f00 1234 1400 0007 73756d6d657200"},
		{"vendor_ping_resp", &PingResp{Parts: []Part{{From: pdu.ShortCode("1"), Data: []byte("ab")}, {}}, Load: 9, Since: 0x01020304, Due: "000001000000000R", Tail: []byte{0xFF}}, false,
			"00000033 80010200 00000000 00000007 02 03003100026162 0000 00 00 09 01020304 3030303030313030303030303030305200 ff"},
		{"vendor_beat", &Beat{Count: 3}, true, "00000011 00010201 00000000 00000007 03"},
		{"vendor_nothing", new(Nothing), false, "00000010 000102ff 00000000 00000007"},
		{"vendor_nothing_resp", new(NothingResp), false, "00000010 800102ff 00000000 00000007"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := unhex(t, tt.want)
			h := pdu.Header{Command: tt.body.Command(), Sequence: 7}
			for _, v := range []pdu.Version{pdu.V50, pdu.V34, pdu.V33} {
				c := pdu.NewCodec(reg, v)
				octets, err := c.Append(nil, h, tt.body)
				if err != nil {
					t.Fatal(err)
				}
				if v > pdu.V33 && !bytes.Equal(octets, want) {
					t.Fatalf("% x, want % x", octets, want)
				}
				gotH, got, err := c.Decode(want)
				if err != nil || gotH != h || !same(got, tt.body) {
					t.Errorf("%+v %+v, %v", gotH, got, err)
				}
			}
			id := tt.body.Command()
			if found, ok := reg.Lookup(tt.name); found != id || !ok || reg.Name(id) != tt.name || reg.Notice(id) != tt.notice || !reg.Known(id) {
				t.Errorf("0x%08X, %v, %q", uint32(found), ok, reg.Name(id))
			}
			checkJSON(t, reg, want)
			if d := readDump(t, reg.AppendDump(nil, want)); !bytes.Equal(d.octets, want) || len(d.errors) > 0 {
				t.Errorf("%+v", d)
			}
			for n := range want {
				checkJSON(t, reg, want[:n])
				checkJSON(t, reg, resize(want[:max(4, n)]))
				readDump(t, reg.AppendDump(nil, resize(want[:max(4, n)])))
			}
			rnd := random(t)
			for range 200 {
				body := filled(t, rnd, reg, id)
				octets, err := pdu.NewCodec(reg, 0).Append(nil, h, body)
				if err != nil {
					t.Fatal(err)
				}
				if _, got, err := pdu.NewCodec(reg, 0).Decode(octets); err != nil || !same(got, body) {
					t.Fatalf("%+v became %+v, %v", body, got, err)
				}
			}
			// The standard registry does not know it and loses nothing.
			if _, got := decode(t, want); !bytes.Equal(frame(t, h, got), want) {
				t.Errorf("%T %+v", got, got)
			}
		})
	}
}

func TestCustomRules(t *testing.T) {
	c := pdu.NewCodec(vendor(), 0)
	for _, tt := range []struct {
		name   string
		body   pdu.Body
		field  string
		status pdu.Status
	}{
		{"a string too long", &Ping{Text: strings.Repeat("x", 65)}, "text", pdu.StatusSystemError},
		{"a TLV too long", &Ping{TLVs: tlv.List{CampaignID.Option("summer-24")}}, "campaign_id", pdu.StatusInvalidTLVLength},
		{"a list too long", &PingResp{Parts: make([]Part, 5)}, "part_count", pdu.StatusInvalidNumberOfMessages},
		{"octets too long", &PingResp{Parts: []Part{{Data: make([]byte, 201)}}}, "data", pdu.StatusInvalidCommandLength},
		{"a time of wrong length", &PingResp{Due: "1R"}, "due", pdu.StatusInvalidScheduleTime},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var e *pdu.EncodeError
			if _, err := c.Append(nil, pdu.Header{}, tt.body); !errors.As(err, &e) || e.Field != tt.field || e.Status != tt.status {
				t.Errorf("%v", err)
			}
		})
	}
	for _, tt := range []struct {
		name   string
		frame  string
		field  string
		status pdu.Status
	}{
		{"a string without NUL", "00000051 00010200 00000000 00000007" + strings.Repeat("78", 65), "text", pdu.StatusSystemError},
		{"an integer cut short", "00000012 00010200 00000000 00000007 00 12", "n", pdu.StatusInvalidCommandLength},
		{"a TLV too long", "00000020 00010200 00000000 00000007 00 1234 1400 0009 313233343536373839", "", 0},
		{"a TLV far too long", "00000021 00010200 00000000 00000007 00 1234 1400 000a 31323334353637383930", "campaign_id", pdu.StatusInvalidTLVLength},
		{"a list too long", "00000011 80010200 00000000 00000007 05", "part_count", pdu.StatusInvalidNumberOfMessages},
		{"more octets than allowed", "000000dd 80010200 00000000 00000007 01 000000 c9" + strings.Repeat("00", 201) + "000000", "data_length", pdu.StatusInvalidCommandLength},
		{"octets beyond the end", "00000016 80010200 00000000 00000007 01 000000 05 00", "data_length", pdu.StatusInvalidCommandLength},
		{"octets after a command without fields", "00000011 000102ff 00000000 00000007 01", "command_length", pdu.StatusInvalidCommandLength},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, tt.frame)
			_, body, err := c.Decode(resize(b))
			var e *pdu.DecodeError
			if tt.field == "" {
				if err != nil || body == nil {
					t.Errorf("%v", err)
				}
			} else if !errors.As(err, &e) || e.Field != tt.field || e.Status != tt.status {
				t.Errorf("%v", err)
			}
		})
	}
}

// A header alone is an absent body in a response of a custom command, and one
// that ends too soon in a request.
func TestCustomHeaderAlone(t *testing.T) {
	c := pdu.NewCodec(vendor(), 0)
	for _, id := range []pdu.CommandID{0x00010200, 0x80010200, 0x00010201} {
		octets, err := c.Append(nil, pdu.Header{Command: id, Sequence: 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		h, body, err := c.Decode(octets)
		if body != nil || h.Command != id {
			t.Errorf("0x%08X: %+v", uint32(id), body)
		}
		if got := pdu.StatusOf(err); id.IsResponse() && err != nil || !id.IsResponse() && got != pdu.StatusInvalidCommandLength {
			t.Errorf("0x%08X: %v", uint32(id), err)
		}
		checkJSON(t, vendor(), octets)
	}
}

func TestClone_custom(t *testing.T) {
	octets := frame(t, pdu.Header{}, &PingResp{Parts: []Part{{From: pdu.ShortCode("123"), Data: []byte("abc")}}, Due: "000001000000000R", Tail: []byte("xyz")})
	_, body, err := pdu.NewCodec(vendor(), 0).Decode(octets)
	if err != nil {
		t.Fatal(err)
	}
	c := pdu.Clone(body.(*PingResp))
	clear(octets)
	if c.Parts[0].From.Addr != "123" || string(c.Parts[0].Data) != "abc" || string(c.Tail) != "xyz" || c.Due != "000001000000000R" {
		t.Errorf("%+v", c)
	}
}

type badPair struct{ Nothing }

func (*badPair) Command() pdu.CommandID    { return 0x000102F0 }
func (*badPair) NewResponse() *NothingResp { return nil }

type badRequest struct{ NothingResp }

func (*badRequest) NewResponse() *NothingResp { return nil }

type badNotice struct{ NothingResp }

type again struct{ Nothing }

func (*again) Command() pdu.CommandID     { return 0x000102F1 }
func (*again) NewResponse() *againResp    { return nil }
func (*againResp) Fields(*pdu.Codec)      {}
func (*againResp) Command() pdu.CommandID { return 0x800102F1 }

type againResp struct{}

func TestMisuseOfRegistries(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func()
		want string
	}{
		{"Register on Standard", func() { pdu.Register[Ping, PingResp](pdu.Standard(), "x") }, "pdu: the standard registry cannot be changed; Clone it"},
		{"RegisterNotice on Standard", func() { pdu.RegisterNotice[Beat](pdu.Standard(), "x") }, "pdu: the standard registry cannot be changed; Clone it"},
		{"DefineTLV on Standard", func() { pdu.Standard().DefineTLV(CampaignID) }, "pdu: the standard registry cannot be changed; Clone it"},
		{"twice", func() { pdu.Register[Ping, PingResp](vendor(), "x") }, "pdu: command 0x00010200 is vendor_ping already"},
		{"a standard command", func() { pdu.Register[pdu.SubmitSM, pdu.SubmitSMResp](vendor(), "x") }, "pdu: command 0x00000004 is submit_sm already"},
		{"a name twice", func() { pdu.Register[again, againResp](vendor(), "submit_sm") }, "pdu: submit_sm is the name of command 0x00000004 already"},
		{"another response", func() { pdu.Register[badPair, NothingResp](vendor(), "x") },
			"pdu: x has command_id 0x000102F0 and its response 0x800102FF: bit 31 must be the difference"},
		{"a response as request", func() { pdu.Register[badRequest, NothingResp](vendor(), "x") },
			"pdu: x has command_id 0x800102FF and its response 0x800102FF: bit 31 must be the difference"},
		{"a response as notice", func() { pdu.RegisterNotice[badNotice](vendor(), "x") }, "pdu: x has command_id 0x800102FF: bit 31 is for responses"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if got := fmt.Sprint(recover()); got != tt.want {
					t.Errorf("panics with %q, want %q", got, tt.want)
				}
			}()
			tt.do()
		})
	}
}

func TestRegistryIsAValue(t *testing.T) {
	one, other := vendor(), pdu.Standard().Clone()
	var wg sync.WaitGroup
	for range 4 { // a registry in use may be shared
		wg.Go(func() {
			c := pdu.NewCodec(one, 0)
			if _, body, err := c.Decode(unhex(t, "00000013 00010200 00000000 00000007 00 1234")); err != nil || body.(*Ping).N != 0x1234 {
				t.Errorf("%+v, %v", body, err)
			}
		})
	}
	wg.Wait()
	if other.Known(0x10200) || pdu.Standard().Known(0x10200) || other.TLV(0x1400) != nil || one.TLV(0x1400) == nil {
		t.Error("one registry changed another")
	}
	if len(one.Commands()) != len(other.Commands())+5 || len(one.TLVs()) != len(other.TLVs())+1 {
		t.Errorf("%d and %d commands", len(one.Commands()), len(other.Commands()))
	}
	two := one.Clone()
	two.DefineTLV(tlv.Define(0x1400, "campaign_number", tlv.Uint16()))
	if one.TLVName(0x1400) != "campaign_id" || two.TLVName(0x1400) != "campaign_number" || !two.Known(0x10200) {
		t.Error("a clone of a clone shares its TLVs")
	}
	two.DefineTLV(one.TLV(0x1400)) // a definition is a Definer too
	if two.TLVName(0x1400) != "campaign_id" {
		t.Error("DefineTLV of a definition")
	}
}

// A vendor may narrow or replace what it knows of a standard tag.
func TestRedefinedTLV(t *testing.T) {
	reg := pdu.Standard().Clone()
	reg.DefineTLV(tlv.Define(0x0010, "source_telematics_id", tlv.Uint16()))
	c := pdu.NewCodec(reg, 0)
	c.SetStrictness(pdu.Strict)
	two := append(resizeBy(frame(t, pdu.Header{}, new(pdu.Unbind)), 6), 0, 0x10, 0, 2, 0x40, 0)
	if _, _, err := c.Decode(two); err != nil {
		t.Error(err)
	}
	if text := reg.AppendJSON(nil, two, nil); !strings.Contains(string(text), `"decoded":16384`) {
		t.Errorf("%s", text)
	}
}
