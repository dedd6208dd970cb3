package pdu_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

func ExampleAppend() {
	octets, err := pdu.Append(nil, pdu.Header{Sequence: 1}, &pdu.SubmitSM{
		Source:       pdu.Alphanumeric("ACME"),
		Dest:         pdu.International("491701234567"),
		ShortMessage: []byte("hi"),
	})
	fmt.Printf("%x %v\n", octets, err)
	// Output: 0000003300000004000000000000000100050041434d4500010134393137303132333435363700000000000000000000026869 <nil>
}

// A value that does not fit is refused, with the field and the rule.
func ExampleAppend_error() {
	_, err := pdu.Append(nil, pdu.Header{}, &pdu.SubmitSM{ServiceType: "TOOLONG"})
	fmt.Println(err)

	var e *pdu.EncodeError
	if errors.As(err, &e) {
		fmt.Println(e.Field, e.Status.String())
	}
	// Output:
	// submit_sm: service_type "TOOLONG": 7 octets, at most 5 fit beside the NUL
	// service_type ESME_RINVSERTYP
}

func ExampleDecode() {
	frame := []byte("\x00\x00\x00\x18\x80\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x023f2a-77\x00")
	h, body, err := pdu.Decode(frame)
	if err != nil {
		fmt.Println(err)
		return
	}
	switch m := body.(type) {
	case *pdu.SubmitSMResp:
		fmt.Println(h.Command, h.Sequence, h.Status.String(), m.MessageID)
	case *pdu.Unknown:
		fmt.Println("unknown command", m.ID)
	case nil:
		fmt.Println(h.Command, "without a body:", h.Status)
	}
	// Output: submit_sm_resp 2 ESME_ROK 3f2a-77
}

// A malformed PDU names the field at fault and the status to answer with.
func ExampleDecode_error() {
	_, _, err := pdu.Decode([]byte("\x00\x00\x00\x13\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x0142\x00"))
	fmt.Println(err)
	fmt.Println(pdu.StatusOf(err).String())
	// Output:
	// query_sm: source_addr_ton at octet 19: the PDU ends inside its mandatory fields (ESME_RINVCMDLEN: command_length too small or too large for the PDU)
	// ESME_RINVCMDLEN
}

// A codec of one's own allocates nothing to encode, and keeps to the version of
// the peer.
func ExampleCodec() {
	c := pdu.NewCodec(nil, pdu.V34)
	buf := make([]byte, 0, 4096)

	buf, err := c.Append(buf[:0], pdu.Header{Sequence: 1}, new(pdu.EnquireLink))
	fmt.Println(len(buf), err)

	_, err = c.Append(buf[:0], pdu.Header{Sequence: 2}, &pdu.SubmitSM{PriorityFlag: 4})
	fmt.Println(err)
	// Output:
	// 16 <nil>
	// submit_sm: priority_flag 4: 0 to 3 before v5.0
}

func ExampleSplit() {
	enquire, _ := pdu.Append(nil, pdu.Header{Sequence: 1}, new(pdu.EnquireLink))
	stream := append(enquire, enquire[:10]...) // one PDU and a part of the next
	for {
		frame, rest, err := pdu.Split(stream, 0)
		if err != nil || len(frame) == 0 {
			fmt.Println(len(rest), "octets wait for more", err)
			return
		}
		h, _, _ := pdu.Decode(frame)
		fmt.Println(h.Command)
		stream = rest
	}
	// Output:
	// enquire_link
	// 10 octets wait for more <nil>
}

// Echo is the request of a vendor, EchoResp its response.
type Echo struct {
	Text string
	TLVs tlv.List
}

func (*Echo) Command() pdu.CommandID { return 0x00010210 }
func (*Echo) NewResponse() *EchoResp { return new(EchoResp) }
func (e *Echo) Fields(c *pdu.Codec) {
	c.CString("text", &e.Text, 65, pdu.StatusSystemError)
	c.TLVs(&e.TLVs)
}

type EchoResp struct{ Text string }

func (*EchoResp) Command() pdu.CommandID { return 0x80010210 }
func (e *EchoResp) Fields(c *pdu.Codec)  { c.CString("text", &e.Text, 65, 0) }

// A vendor's command and TLV, as typed as the standard ones.
func ExampleRegister() {
	campaign := tlv.Define(0x1400, "campaign_id", tlv.CString(33))

	reg := pdu.Standard().Clone() // a value: other registries stay as they are
	pdu.Register[Echo, EchoResp](reg, "vendor_echo")
	reg.DefineTLV(campaign)

	echo := &Echo{Text: "hello"}
	campaign.Set(&echo.TLVs, "summer-7")

	c := pdu.NewCodec(reg, pdu.V50)
	octets, err := c.Append(nil, pdu.Header{Sequence: 1}, echo)
	if err != nil {
		fmt.Println(err)
		return
	}
	h, body, err := c.Decode(octets)
	id, _ := campaign.Get(body.(*Echo).TLVs)
	fmt.Println(reg.Name(h.Command), body.(*Echo).Text, id, err)
	fmt.Printf("%s\n", reg.AppendJSON(nil, octets, nil))
	// Output:
	// vendor_echo hello summer-7 <nil>
	// {"command":"vendor_echo","command_id":66064,"command_status":0,"sequence_number":1,"body":{"text":"hello"},"tlvs":[{"tag":5120,"name":"campaign_id","value":"73756d6d65722d3700","decoded":"summer-7"}]}
}

// Pulse is a PDU of a vendor that has no response.
type Pulse struct{ Load uint8 }

func (*Pulse) Command() pdu.CommandID { return 0x00010211 }
func (p *Pulse) Fields(c *pdu.Codec)  { c.Uint8("load", &p.Load, 0) }

func ExampleRegisterNotice() {
	reg := pdu.Standard().Clone()
	pdu.RegisterNotice[Pulse](reg, "vendor_pulse")

	octets, err := pdu.NewCodec(reg, 0).Append(nil, pdu.Header{Sequence: 1}, &Pulse{Load: 7})
	fmt.Printf("%x %v %v\n", octets, err, reg.Notice(0x00010211))
	// Output: 0000001100010211000000000000000107 <nil> true
}

func ExampleRegistry_AppendJSON() {
	reg := pdu.Standard()
	octets, _ := pdu.Append(nil, pdu.Header{Sequence: 3}, &pdu.QuerySM{MessageID: "42", Source: pdu.ShortCode("8080")})

	text := reg.AppendJSON(nil, octets, nil)
	fmt.Printf("%s\n", text)

	back, err := reg.ParseJSON(text)
	fmt.Println(string(back) == string(octets), err)
	// Output:
	// {"command":"query_sm","command_id":3,"command_status":0,"sequence_number":3,"body":{"message_id":"42","source_addr_ton":3,"source_addr_npi":0,"source_addr":"8080"},"tlvs":[]}
	// true <nil>
}

// JSON may be written by hand: what is left out is zero or empty.
func ExampleRegistry_ParseJSON() {
	octets, err := pdu.Standard().ParseJSON([]byte(`{"command":"unbind","sequence_number":9}`))
	fmt.Printf("%x %v\n", octets, err)

	_, err = pdu.Standard().ParseJSON([]byte(`{"command":"submit_sm","body":{"esm_class":256}}`))
	fmt.Println(err)
	// Output:
	// 00000010000000060000000000000009 <nil>
	// body.esm_class: 256: an integer from 0 to 255 is required
}

func ExampleRegistry_AppendDump() {
	octets, _ := pdu.Append(nil, pdu.Header{Sequence: 1}, &pdu.Outbind{SystemID: "MC", Password: "secret"})
	fmt.Printf("%s", pdu.Standard().AppendDump(nil, octets))
	// Output:
	// outbind, 26 octets, sequence 1
	//      0  00 00 00 1a                                      command_length: 26
	//      4  00 00 00 0b                                      command_id: outbind
	//      8  00 00 00 00                                      command_status: ESME_ROK, success
	//     12  00 00 00 01                                      sequence_number: 1
	//     16  4d 43 00                                         system_id: "MC"
	//                                                          password: (hidden)
}

// Describe tells what a command consists of.
func ExampleRegistry_Describe() {
	for _, f := range pdu.Standard().Describe(pdu.IDQuerySM) {
		fmt.Println(f.Name, f.Type, f.Max)
	}
	// Output:
	// message_id cstring 65
	// source_addr_ton uint8 0
	// source_addr_npi uint8 0
	// source_addr cstring 21
}

// A Time is the string of the wire; relative ones count from the present of the
// message center.
func ExampleTime() {
	now := time.Date(2024, 1, 31, 10, 0, 0, 0, time.UTC)

	at, err := pdu.Time("240301123000004+").At(now) // one hour ahead of UTC
	fmt.Println(at.UTC(), err)

	at, err = pdu.Time("000007000000000R").At(now)
	fmt.Println(at, err)

	_, err = pdu.Time("230229000000000+").At(now)
	fmt.Println(err)
	// Output:
	// 2024-03-01 11:30:00 +0000 UTC <nil>
	// 2024-02-07 10:00:00 +0000 UTC <nil>
	// time "230229000000000+": 2023-02-29 is no day of the calendar
}

func ExampleAbsoluteTime() {
	t, err := pdu.AbsoluteTime(time.Date(2024, 3, 1, 0, 30, 0, 0, time.FixedZone("", 2*3600)))
	fmt.Println(t, err)
	// Output: 240229223000000+ <nil>
}

func ExampleRelativeTime() {
	t, err := pdu.RelativeTime(36 * time.Hour)
	fmt.Println(t, err)

	_, err = pdu.RelativeTime(100 * 24 * time.Hour)
	fmt.Println(err)
	// Output:
	// 000001120000000R <nil>
	// time "2400h0m0s": a relative time is less than 100 days; use an absolute one
}

// A status is a constant and an error.
func ExampleStatus() {
	err := fmt.Errorf("submitting: %w", pdu.StatusThrottled)

	var s pdu.Status
	if errors.Is(err, pdu.StatusThrottled) && errors.As(err, &s) {
		fmt.Println(s.String(), s.Temporary())
	}
	// Output: ESME_RTHROTTLED true
}

// What is kept for long is better cloned: it lets go of the octets it came in.
func ExampleClone() {
	octets, _ := pdu.Append(nil, pdu.Header{}, &pdu.SubmitSMResp{MessageID: "42"})
	_, body, _ := pdu.Decode(octets)
	kept := pdu.Clone(body.(*pdu.SubmitSMResp))
	clear(octets)
	fmt.Println(kept.MessageID)
	// Output: 42
}
