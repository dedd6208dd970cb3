package coding

import "fmt"

// ForDataCoding returns the character set that a data_coding value announces, read as SMPP does (v5.0, 4.7.7):
//
//	0x00                the alphabet agreed with the message center, which is def
//	0x01                [ASCII]
//	0x02, 0x04          [Binary]
//	0x03                [Latin1]
//	0x05                [JISX0208]
//	0x06                [ISO8859_5]
//	0x07                [ISO8859_8]
//	0x08                [UTF16]
//	0x09                [ShiftJIS], with pictograms
//	0x0A                [ISO2022JP]
//	0x0D                [JISX0212]
//	0x0E                [EUCKR]
//	0x10-0x1B           as in GSM, see [ParseGSM]: with message class
//	0x40-0x4B, 0x50-0x5B    as in GSM: automatic deletion
//	0xC0-0xEF           as in GSM: message waiting
//	0xF0-0xFF           as in GSM: message class
//
// A value that GSM defines as its 7-bit alphabet means def if that is a [GSM] alphabet, which may have national tables, or
// a [Packed] one, and [GSM7] otherwise.
//
// Every other value has no character set: reserved ones and compressed text. Then ok is false and the Charset is [Binary], so that its octets are never mistaken for text of another kind.
func ForDataCoding(dc uint8, def Charset) (cs Charset, ok bool) {
	def = orGSM7(def)
	switch dc {
	case 0x00:
		return def, true
	case 0x01:
		return ASCII, true
	case 0x02, 0x04:
		return Binary, true
	case 0x03:
		return Latin1, true
	case 0x05:
		return JISX0208, true
	case 0x06:
		return ISO8859_5, true
	case 0x07:
		return ISO8859_8, true
	case 0x08:
		return UTF16, true
	case 0x09:
		return ShiftJIS, true
	case 0x0A:
		return ISO2022JP, true
	case 0x0D:
		return JISX0212, true
	case 0x0E:
		return EUCKR, true
	}
	if dc < 0x10 {
		return Binary, false // reserved in SMPP, whatever GSM says
	}
	switch d := ParseGSM(dc); {
	case d.Compressed, d.Reserved:
		return Binary, false
	case d.Charset == GSM7:
		switch def.(type) {
		case GSM, Packed:
			return def, true
		}
		return GSM7, true
	default:
		return d.Charset, true
	}
}

// DataCodingOf returns the data_coding value that announces cs in a message without class or message waiting: 0 for
// [GSM7], the national alphabets and [Packed] ones, 4 for [Binary], and for the others the value in the table of
// [ForDataCoding]. ok is false for a character set from elsewhere.
func DataCodingOf(cs Charset) (dc uint8, ok bool) {
	switch cs := orGSM7(cs).(type) {
	case GSM, Packed:
		return 0x00, true
	case octet:
		return [...]uint8{ASCII: 0x01, Latin1: 0x03, Binary: 0x04}[cs], true
	case mapped:
		return [...]uint8{ISO8859_5: 0x06, ISO8859_8: 0x07}[cs], true
	case utf16BE:
		return 0x08, true
	case double:
		return [...]uint8{JISX0208: 0x05, ShiftJIS: 0x09, JISX0212: 0x0D, EUCKR: 0x0E}[cs], true
	case iso2022:
		return 0x0A, true
	default:
		return 0, false
	}
}

// A MessageClass says what a handset does with a message.
type MessageClass uint8

// The classes of 3GPP TS 23.038, 4.
const (
	ClassDisplay MessageClass = iota // class 0: shown at once and not stored, a flash message
	ClassME                          // class 1: stored in the handset
	ClassSIM                         // class 2: stored on the SIM
	ClassTE                          // class 3: for the equipment behind the handset
)

// String returns "class 0" to "class 3".
func (c MessageClass) String() string { return fmt.Sprintf("class %d", uint8(c)) }

// A WaitingType says what kind of message waits for the subscriber.
type WaitingType uint8

// The types of 3GPP TS 23.038, 4.
const (
	WaitingVoicemail WaitingType = iota
	WaitingFax
	WaitingEmail
	WaitingOther
)

// String returns the name of the type.
func (t WaitingType) String() string {
	if t > WaitingOther {
		return fmt.Sprintf("waiting type %d", uint8(t))
	}
	return [...]string{"voicemail", "fax", "email", "other"}[t]
}

// Waiting is a message waiting indication.
type Waiting struct {
	Type   WaitingType
	Active bool // messages are waiting; otherwise the indicator is switched off
	Store  bool // the message is worth storing; otherwise the handset may discard it
}

// GSMDataCoding is what a GSM data coding scheme (TP-DCS) says, 3GPP TS 23.038, 4. The zero value is GSM 7-bit text
// without class. It is comparable.
type GSMDataCoding struct {
	Charset    Charset // GSM7, Binary or UTF16; nil is GSM7
	Compressed bool    // the user data is compressed, which is for others to undo
	AutoDelete bool    // the message is to be deleted once read

	HasClass bool
	Class    MessageClass // if HasClass

	HasWaiting bool
	Waiting    Waiting // if HasWaiting

	// Reserved is true for a coding that GSM has given no meaning; a receiver reads it as GSM 7-bit text. Message
	// classes of such a coding still count.
	Reserved bool
}

// ParseGSM reads an octet as GSM data coding scheme. Every octet has a meaning. SMPP agrees with it for 0x00, 0x04,
// 0x08 and 0xC0 to 0xFF, and in practice for 0x10 to 0x7F; see [ForDataCoding] for the SMPP reading.
func ParseGSM(dc uint8) GSMDataCoding {
	d := GSMDataCoding{Charset: GSM7}
	switch group := dc >> 4; {
	case group < 0x8: // general, from 0x40 on with automatic deletion
		d.AutoDelete = dc&0x40 != 0
		d.Compressed = dc&0x20 != 0
		if dc&0x10 != 0 {
			d.HasClass, d.Class = true, MessageClass(dc&0x03)
		}
		switch dc & 0x0C {
		case 0x04:
			d.Charset = Binary
		case 0x08:
			d.Charset = UTF16
		case 0x0C:
			d.Reserved = true
		}
	case group < 0xC:
		d.Reserved = true
	case group < 0xF: // message waiting: discard, store, store with UCS-2
		if group == 0xE {
			d.Charset = UTF16
		}
		d.HasWaiting = true
		d.Waiting = Waiting{Type: WaitingType(dc & 0x03), Active: dc&0x08 != 0, Store: group != 0xC}
	default: // message class
		if dc&0x04 != 0 {
			d.Charset = Binary
		}
		d.HasClass, d.Class = true, MessageClass(dc&0x03)
	}
	return d
}

// DataCoding returns the octet that says what d says, so that ParseGSM(octet) is d. Where GSM has two forms, it is
// the one that SMPP defines as well: 0xF0 to 0xF7 for a message class with [GSM7] or [Binary]. National and packed alphabets
// count as GSM7. It is an error if GSM has no octet for d, or if d is reserved.
func (d GSMDataCoding) DataCoding() (uint8, error) {
	var charset uint8
	switch cs := orGSM7(d.Charset); cs {
	case Binary:
		charset = 0x04
	case UTF16:
		charset = 0x08
	default:
		switch cs.(type) {
		case GSM, Packed:
		default:
			return 0, fmt.Errorf("coding: GSM data coding cannot announce charset %v", cs)
		}
	}
	switch {
	case d.Reserved:
		return 0, fmt.Errorf("coding: GSM data coding is reserved")
	case d.HasClass && d.Class > ClassTE:
		return 0, fmt.Errorf("coding: message %v is not one of 0 to 3", d.Class)
	case d.HasWaiting && d.Waiting.Type > WaitingOther:
		return 0, fmt.Errorf("coding: %v is not one of 0 to 3", d.Waiting.Type)
	case d.HasWaiting && (d.HasClass || d.Compressed || d.AutoDelete):
		return 0, fmt.Errorf("coding: GSM data coding has message waiting without class, compression and automatic deletion only")
	case d.HasWaiting:
		return d.waiting(charset)
	case d.HasClass && charset != 0x08 && !d.Compressed && !d.AutoDelete:
		return 0xF0 | charset | uint8(d.Class), nil
	}
	dc := charset
	if d.HasClass {
		dc |= 0x10 | uint8(d.Class)
	}
	if d.Compressed {
		dc |= 0x20
	}
	if d.AutoDelete {
		dc |= 0x40
	}
	return dc, nil
}

// waiting returns the octet of one of the three groups for message waiting.
func (d GSMDataCoding) waiting(charset uint8) (uint8, error) {
	var dc uint8
	switch {
	case charset == 0x00 && !d.Waiting.Store:
		dc = 0xC0
	case charset == 0x00:
		dc = 0xD0
	case charset == 0x08 && d.Waiting.Store:
		dc = 0xE0
	default:
		return 0, fmt.Errorf("coding: GSM data coding has no message waiting with charset %v and store %t", d.Charset, d.Waiting.Store)
	}
	dc |= uint8(d.Waiting.Type)
	if d.Waiting.Active {
		dc |= 0x08
	}
	return dc, nil
}
