package tlv_test

import (
	"fmt"

	"github.com/godwit-sms/smpp/tlv"
)

// A vendor's TLV gets a Go type once, and is then set and read by it.
func ExampleKey() {
	campaign := tlv.Define(0x1400, "campaign_id", tlv.CString(33))

	var l tlv.List // as the TLVs of any PDU
	campaign.Set(&l, "summer-7")

	id, ok := campaign.Get(l)
	fmt.Println(id, ok)

	wire, err := l.Append(nil)
	fmt.Printf("% x %v\n", wire, err)
	// Output:
	// summer-7 true
	// 14 00 00 09 73 75 6d 6d 65 72 2d 37 00 <nil>
}

// What cannot be written is reported when the PDU is encoded.
func ExampleKey_Set_error() {
	campaign := tlv.Define(0x1400, "campaign_id", tlv.CString(5))

	var l tlv.List
	campaign.Set(&l, "summer-7")

	_, err := l.Append(nil)
	fmt.Println(err)
	// Output: campaign_id: 9 octets: 1 to 5 octets with the NUL are allowed
}

// A tag that may stand several times keeps its order.
func ExampleDefineRepeated() {
	tag := tlv.DefineRepeated(0x1401, "label", tlv.CString(17))

	var l tlv.List
	tag.Add(&l, "red")
	tag.Add(&l, "urgent")
	for v := range tag.All(l) {
		fmt.Println(v)
	}
	// Output:
	// red
	// urgent
}

// A structure of several fields is a form of its own.
func ExampleNewForm() {
	type position struct{ X, Y uint8 }
	pos := tlv.Define(0x1402, "position", tlv.NewForm("position", 2, 2,
		func(dst []byte, p position) ([]byte, error) { return append(dst, p.X, p.Y), nil },
		func(b []byte) (position, error) { return position{b[0], b[1]}, nil }))

	l := tlv.List{pos.Option(position{3, 4})}
	p, _ := pos.Get(l)
	fmt.Printf("%+v % x\n", p, l[0].Value)
	// Output: {X:3 Y:4} 03 04
}

// Unknown TLVs are kept as they came in, in order.
func ExampleParse() {
	l, err := tlv.Parse([]byte{0x14, 0x00, 0, 1, 7, 0x3F, 0xFF, 0, 0})
	for _, o := range l {
		fmt.Printf("0x%04X %d octets\n", uint16(o.Tag), len(o.Value))
	}
	fmt.Println(err)
	// Output:
	// 0x1400 1 octets
	// 0x3FFF 0 octets
	// <nil>
}
