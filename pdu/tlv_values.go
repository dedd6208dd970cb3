package pdu

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/godwit-sms/smpp/tlv"
)

// A Subunit is the part of a mobile that a message is for or from. It maps to
// the GSM message class: 1 is class 0, 2 is class 1, and so on.
// SMPP v5.0, section 4.8.4.23.
type Subunit uint8

// The subunits.
const (
	SubunitUnknown         Subunit = 0
	SubunitDisplay         Subunit = 1
	SubunitMobileEquipment Subunit = 2
	SubunitSmartCard       Subunit = 3
	SubunitExternal        Subunit = 4
)

// A NetworkType is a kind of network. SMPP v5.0, section 4.8.4.26.
type NetworkType uint8

// The kinds of network.
const (
	NetworkTypeUnknown NetworkType = 0
	NetworkTypeGSM     NetworkType = 1
	NetworkTypeTDMA    NetworkType = 2
	NetworkTypeCDMA    NetworkType = 3
	NetworkTypePDC     NetworkType = 4
	NetworkTypePHS     NetworkType = 5
	NetworkTypeIDEN    NetworkType = 6
	NetworkTypeAMPS    NetworkType = 7
	NetworkTypePaging  NetworkType = 8
)

// A BearerType is what a message travels on. SMPP v5.0, section 4.8.4.24.
type BearerType uint8

// The bearers.
const (
	BearerUnknown       BearerType = 0
	BearerSMS           BearerType = 1
	BearerCSD           BearerType = 2
	BearerPacketData    BearerType = 3
	BearerUSSD          BearerType = 4
	BearerCDPD          BearerType = 5
	BearerDataTAC       BearerType = 6
	BearerFLEX          BearerType = 7
	BearerCellBroadcast BearerType = 8
)

// A PayloadType is the protocol above the payload. SMPP v5.0, section 4.8.4.44.
type PayloadType uint8

// The payload types.
const (
	PayloadWDP  PayloadType = 0
	PayloadWCMP PayloadType = 1
)

// A Privacy is a level of privacy. SMPP v5.0, section 4.8.4.45.
type Privacy uint8

// The levels of privacy.
const (
	PrivacyNotRestricted Privacy = 0
	PrivacyRestricted    Privacy = 1
	PrivacyConfidential  Privacy = 2
	PrivacySecret        Privacy = 3
)

// A Language is that of a text. SMPP v5.0, section 4.8.4.35.
type Language uint8

// The languages.
const (
	LanguageUnspecified Language = 0
	LanguageEnglish     Language = 1
	LanguageFrench      Language = 2
	LanguageSpanish     Language = 3
	LanguageGerman      Language = 4
	LanguagePortuguese  Language = 5
)

// An Availability tells whether a mobile can be reached. SMPP v5.0, section 4.8.4.39.
type Availability uint8

// The availabilities.
const (
	Available   Availability = 0
	Denied      Availability = 1
	Unavailable Availability = 2
)

// A FailureReason tells why a delivery in transaction mode failed.
// SMPP v5.0, section 4.8.4.19.
type FailureReason uint8

// The reasons.
const (
	FailureDestUnavailable  FailureReason = 0
	FailureDestInvalid      FailureReason = 1
	FailurePermanentNetwork FailureReason = 2
	FailureTemporaryNetwork FailureReason = 3
)

// A Congestion is the load of a peer, 0 (idle) to 100 (congested). Other values
// are reserved and to be ignored. SMPP v5.0, sections 2.9 and 4.8.4.18.
type Congestion uint8

// Band returns the name of the band that the load is in: idle, low, medium,
// high, optimum, nearing_congestion, congested or reserved.
func (c Congestion) Band() string {
	switch {
	case c == 0:
		return "idle"
	case c < 30:
		return "low"
	case c < 50:
		return "medium"
	case c < 80:
		return "high"
	case c < 90:
		return "optimum"
	case c < 100:
		return "nearing_congestion"
	case c == 100:
		return "congested"
	}
	return "reserved"
}

// A USSDOp is a USSD operation. SMPP v5.0, section 4.8.4.64.
type USSDOp uint8

// The USSD operations.
const (
	PSSDIndication USSDOp = 0
	PSSRIndication USSDOp = 1
	USSRRequest    USSDOp = 2
	USSNRequest    USSDOp = 3
	PSSDResponse   USSDOp = 16
	PSSRResponse   USSDOp = 17
	USSRConfirm    USSDOp = 18
	USSNConfirm    USSDOp = 19
)

// A PortabilityResolution is the result of a number portability query.
// SMPP v5.0, section 4.8.4.22.
type PortabilityResolution uint8

// The results.
const (
	PortabilityNotQueried PortabilityResolution = 0
	PortabilityNotPorted  PortabilityResolution = 1
	PortabilityPorted     PortabilityResolution = 2
)

// A DisplayTime says how a mobile shows a text. SMPP v5.0, section 4.8.4.31.
type DisplayTime uint8

// The ways to show a text.
const (
	DisplayTemporary DisplayTime = 0
	DisplayDefault   DisplayTime = 1
	DisplayInvoke    DisplayTime = 2
)

// An ITSReply says how a user answers in the interactive teleservice.
// SMPP v5.0, section 4.8.4.33.
type ITSReply uint8

// The ways to answer.
const (
	ITSDigit           ITSReply = 0
	ITSNumber          ITSReply = 1
	ITSTelephoneNumber ITSReply = 2
	ITSPassword        ITSReply = 3
	ITSCharacterLine   ITSReply = 4
	ITSMenu            ITSReply = 5
	ITSDate            ITSReply = 6
	ITSTime            ITSReply = 7
	ITSContinue        ITSReply = 8
)

// A MessageWaiting is an indication of waiting messages: bit 7 switches it on,
// bits 0 and 1 hold the kind. SMPP v5.0, section 4.8.4.40.
type MessageWaiting uint8

// WaitingActive switches an indication on; the kinds of message go with it.
const (
	WaitingActive    MessageWaiting = 0x80
	WaitingVoicemail MessageWaiting = 0x00
	WaitingFax       MessageWaiting = 0x01
	WaitingEmail     MessageWaiting = 0x02
	WaitingOther     MessageWaiting = 0x03
)

// Active reports whether the indication is switched on.
func (m MessageWaiting) Active() bool { return m&WaitingActive != 0 }

// Kind returns the kind of message.
func (m MessageWaiting) Kind() MessageWaiting { return m & 0x03 }

// A CallbackPresentation tells how a callback number may be shown (bits 2 and
// 3) and whether it was screened (bits 0 and 1). SMPP v5.0, section 4.8.4.17.
type CallbackPresentation uint8

// Presentation and screening; or one of each together.
const (
	PresentationAllowed      CallbackPresentation = 0x00
	PresentationRestricted   CallbackPresentation = 0x04
	PresentationNotAvailable CallbackPresentation = 0x08
	ScreeningNone            CallbackPresentation = 0x00
	ScreeningPassed          CallbackPresentation = 0x01
	ScreeningFailed          CallbackPresentation = 0x02
	ScreeningNetworkProvided CallbackPresentation = 0x03
)

// Presentation returns the bits of the presentation.
func (p CallbackPresentation) Presentation() CallbackPresentation { return p & 0x0C }

// Screening returns the bits of the screening.
func (p CallbackPresentation) Screening() CallbackPresentation { return p & 0x03 }

// Hex is octets that print and marshal as hexadecimal digits.
type Hex []byte

func (h Hex) String() string { return hex.EncodeToString(h) }

// MarshalText returns the octets as hexadecimal digits in lower case.
func (h Hex) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

func octetTail(b []byte) Hex { return Hex(b[:len(b):len(b)]) }

// A Telematics is a telematic interworking of GSM. SMPP v5.0, section 4.8.4.29.
type Telematics struct {
	ProtocolID uint8 `json:"protocol_id"` // TP-PID
	Reserved   uint8 `json:"reserved"`    // 0
}

func telematicsForm() tlv.Form[Telematics] {
	return tlv.NewForm("telematics", 2, 2,
		func(dst []byte, v Telematics) ([]byte, error) { return append(dst, v.ProtocolID, v.Reserved), nil },
		func(b []byte) (Telematics, error) { return Telematics{b[0], b[1]}, nil })
}

// A Subaddress is a subaddress of CDMA and TDMA. SMPP v5.0, section 4.8.4.28.
type Subaddress struct {
	Type  SubaddressType `json:"type"`
	Value Hex            `json:"value"` // 1 to 22 octets
}

// A SubaddressType is the kind of a Subaddress.
type SubaddressType uint8

// The kinds of subaddress.
const (
	SubaddressNSAPEven SubaddressType = 0x80
	SubaddressNSAPOdd  SubaddressType = 0x88
	SubaddressUser     SubaddressType = 0xA0
)

func subaddressForm() tlv.Form[Subaddress] {
	return tlv.NewForm("subaddress", 2, 23,
		func(dst []byte, v Subaddress) ([]byte, error) {
			return append(append(dst, byte(v.Type)), v.Value...), nil
		},
		func(b []byte) (Subaddress, error) { return Subaddress{SubaddressType(b[0]), octetTail(b[1:])}, nil })
}

// A CallbackTag is the text shown for a callback number. SMPP v5.0, section 4.8.4.16.
type CallbackTag struct {
	DataCoding DataCoding `json:"data_coding"`
	Text       Hex        `json:"text"` // at most 64 octets, encoded as DataCoding says
}

func callbackTagForm() tlv.Form[CallbackTag] {
	return tlv.NewForm("callback_tag", 1, 65,
		func(dst []byte, v CallbackTag) ([]byte, error) {
			return append(append(dst, byte(v.DataCoding)), v.Text...), nil
		},
		func(b []byte) (CallbackTag, error) { return CallbackTag{DataCoding(b[0]), octetTail(b[1:])}, nil })
}

// A CallbackNumber is a number to call back. SMPP v5.0, section 4.8.4.15.
type CallbackNumber struct {
	DigitMode DigitMode `json:"digit_mode"`
	TON       TON       `json:"ton"`
	NPI       NPI       `json:"npi"`
	Digits    string    `json:"digits"` // 1 to 16
}

// A DigitMode tells how the digits of a CallbackNumber are coded.
type DigitMode uint8

// The digit modes.
const (
	DigitsDTMF  DigitMode = 0 // TBCD
	DigitsASCII DigitMode = 1
)

func callbackNumForm() tlv.Form[CallbackNumber] {
	return tlv.NewForm("callback_number", 4, 19,
		func(dst []byte, v CallbackNumber) ([]byte, error) {
			return append(append(dst, byte(v.DigitMode), byte(v.TON), byte(v.NPI)), v.Digits...), nil
		},
		func(b []byte) (CallbackNumber, error) {
			return CallbackNumber{DigitMode(b[0]), TON(b[1]), NPI(b[2]), string(b[3:])}, nil
		})
}

// A NetworkError is the error of the network that could not deliver a message.
// SMPP v5.0, section 4.8.4.42.
type NetworkError struct {
	Type NetworkErrorType `json:"type"`
	Code uint16           `json:"code"` // meaning by Type
}

// A NetworkErrorType tells what the code of a NetworkError means.
type NetworkErrorType uint8

// The types of network error; v3.4 knows the first three.
const (
	ErrorANSI136AccessDenied NetworkErrorType = 1
	ErrorIS95AccessDenied    NetworkErrorType = 2
	ErrorGSM                 NetworkErrorType = 3
	ErrorANSI136Cause        NetworkErrorType = 4
	ErrorIS95Cause           NetworkErrorType = 5
	ErrorANSI41              NetworkErrorType = 6
	ErrorSMPP                NetworkErrorType = 7
	ErrorMessageCenter       NetworkErrorType = 8
)

func networkErrorForm() tlv.Form[NetworkError] {
	return tlv.NewForm("network_error", 3, 3,
		func(dst []byte, v NetworkError) ([]byte, error) {
			return binary.BigEndian.AppendUint16(append(dst, byte(v.Type)), v.Code), nil
		},
		func(b []byte) (NetworkError, error) {
			return NetworkError{NetworkErrorType(b[0]), binary.BigEndian.Uint16(b[1:])}, nil
		})
}

// A ContentType is the kind of content of a broadcast. SMPP v5.0, section 4.8.4.8.
type ContentType struct {
	Network BroadcastNetwork `json:"network_type"`
	Service BroadcastService `json:"service"`
}

// A BroadcastNetwork is the network whose services a ContentType names.
type BroadcastNetwork uint8

// The networks.
const (
	BroadcastGeneric BroadcastNetwork = 0
	BroadcastGSM     BroadcastNetwork = 1
	BroadcastTDMA    BroadcastNetwork = 2
	BroadcastCDMA    BroadcastNetwork = 3
)

func contentTypeForm() tlv.Form[ContentType] {
	return tlv.NewForm("content_type", 3, 3,
		func(dst []byte, v ContentType) ([]byte, error) {
			return binary.BigEndian.AppendUint16(append(dst, byte(v.Network)), uint16(v.Service)), nil
		},
		func(b []byte) (ContentType, error) {
			return ContentType{BroadcastNetwork(b[0]), BroadcastService(binary.BigEndian.Uint16(b[1:]))}, nil
		})
}

// A Frequency is the time between the repetitions of a broadcast.
// SMPP v5.0, section 4.8.4.11.
type Frequency struct {
	Unit  FrequencyUnit `json:"unit"`
	Count uint16        `json:"count"`
}

// A FrequencyUnit is the unit of a Frequency.
type FrequencyUnit uint8

// The units.
const (
	EveryChance  FrequencyUnit = 0x00 // as often as possible
	EverySeconds FrequencyUnit = 0x08
	EveryMinutes FrequencyUnit = 0x09
	EveryHours   FrequencyUnit = 0x0A
	EveryDays    FrequencyUnit = 0x0B
	EveryWeeks   FrequencyUnit = 0x0C
	EveryMonths  FrequencyUnit = 0x0D
	EveryYears   FrequencyUnit = 0x0E
)

func frequencyForm() tlv.Form[Frequency] {
	return tlv.NewForm("frequency", 3, 3,
		func(dst []byte, v Frequency) ([]byte, error) {
			return binary.BigEndian.AppendUint16(append(dst, byte(v.Unit)), v.Count), nil
		},
		func(b []byte) (Frequency, error) {
			return Frequency{FrequencyUnit(b[0]), binary.BigEndian.Uint16(b[1:])}, nil
		})
}

// An Area is where a broadcast goes. SMPP v5.0, section 4.8.4.4.
type Area struct {
	Format  AreaFormat
	Details []byte // at most 100 octets: a name, or a shape as 3GPP TS 23.032 writes it
}

// An AreaFormat tells how the details of an Area are written.
type AreaFormat uint8

// The formats.
const (
	AreaAlias        AreaFormat = 0 // a name that the message center knows
	AreaEllipsoidArc AreaFormat = 1
	AreaPolygon      AreaFormat = 2
)

// NamedArea is an area by a name that the message center knows.
func NamedArea(name string) Area { return Area{AreaAlias, []byte(name)} }

// String returns the name, or the shape in hexadecimal digits.
func (a Area) String() string {
	if a.Format == AreaAlias {
		return string(a.Details)
	}
	return fmt.Sprintf("%d:%x", a.Format, a.Details)
}

// MarshalJSON writes the format, and the details as a name or as hexadecimal digits.
func (a Area) MarshalJSON() ([]byte, error) {
	if a.Format == AreaAlias {
		return json.Marshal(map[string]any{"format": a.Format, "name": string(a.Details)})
	}
	return json.Marshal(map[string]any{"format": a.Format, "details": hex.EncodeToString(a.Details)})
}

func areaForm() tlv.Form[Area] {
	return tlv.NewForm("area", 1, 101,
		func(dst []byte, v Area) ([]byte, error) {
			return append(append(dst, byte(v.Format)), v.Details...), nil
		},
		func(b []byte) (Area, error) { return Area{AreaFormat(b[0]), b[1:len(b):len(b)]}, nil })
}

// Billing is billing data that the message center passes on. SMPP v5.0,
// section 4.8.4.3.
type Billing struct {
	Format uint8 `json:"format"` // 0x80 and above: vendor formats; below: reserved
	Data   Hex   `json:"data"`   // at most 1,023 octets
}

func billingForm() tlv.Form[Billing] {
	return tlv.NewForm("billing", 1, 1024,
		func(dst []byte, v Billing) ([]byte, error) { return append(append(dst, v.Format), v.Data...), nil },
		func(b []byte) (Billing, error) { return Billing{b[0], octetTail(b[1:])}, nil })
}

// A MSValidity says how long a mobile keeps a text. Unit and Count belong to
// ValidRelative, which v5.0 added. SMPP v5.0, section 4.8.4.41.
type MSValidity struct {
	Behaviour ValidityBehaviour `json:"behaviour"`
	Unit      ValidityUnit      `json:"unit,omitempty"`
	Count     uint16            `json:"count,omitempty"`
}

// A ValidityBehaviour is when a mobile drops a text.
type ValidityBehaviour uint8

// The behaviours.
const (
	ValidIndefinitely     ValidityBehaviour = 0
	ValidUntilPowerDown   ValidityBehaviour = 1
	ValidRegistrationArea ValidityBehaviour = 2
	ValidDisplayOnly      ValidityBehaviour = 3
	ValidRelative         ValidityBehaviour = 4
)

// A ValidityUnit is the unit of a relative MSValidity.
type ValidityUnit uint8

// The units.
const (
	ValiditySeconds ValidityUnit = 0
	ValidityMinutes ValidityUnit = 1
	ValidityHours   ValidityUnit = 2
	ValidityDays    ValidityUnit = 3
	ValidityWeeks   ValidityUnit = 4
	ValidityMonths  ValidityUnit = 5
	ValidityYears   ValidityUnit = 6
)

func msValidityForm() tlv.Form[MSValidity] {
	return tlv.NewForm("ms_validity", 1, 4,
		func(dst []byte, v MSValidity) ([]byte, error) {
			dst = append(dst, byte(v.Behaviour))
			if v.Behaviour == ValidRelative || v.Unit != 0 || v.Count != 0 {
				dst = binary.BigEndian.AppendUint16(append(dst, byte(v.Unit)), v.Count)
			}
			return dst, nil
		},
		func(b []byte) (MSValidity, error) {
			switch len(b) {
			case 1:
				return MSValidity{Behaviour: ValidityBehaviour(b[0])}, nil
			case 4:
				return MSValidity{ValidityBehaviour(b[0]), ValidityUnit(b[1]), binary.BigEndian.Uint16(b[2:])}, nil
			}
			return MSValidity{}, &tlv.Error{Fault: tlv.FaultLength, Length: len(b), Rule: "the value has 1 or 4 octets"}
		})
}

// An Alert says how to alert a user to a message. AlertDefault has no value on
// the wire, as in v3.4; the others are of v5.0. SMPP v5.0, section 4.8.4.2.
type Alert uint8

// The alerts. AlertMobileDefault means the same as AlertDefault and is written
// as a value.
const (
	AlertMobileDefault  Alert = 0
	AlertLowPriority    Alert = 1
	AlertMediumPriority Alert = 2
	AlertHighPriority   Alert = 3
	AlertDefault        Alert = 0xFF
)

func alertForm() tlv.Form[Alert] {
	return tlv.NewForm("empty_or_uint8", 0, 1,
		func(dst []byte, v Alert) ([]byte, error) {
			if v == AlertDefault {
				return dst, nil
			}
			return append(dst, byte(v)), nil
		},
		func(b []byte) (Alert, error) {
			if len(b) == 0 {
				return AlertDefault, nil
			}
			return Alert(b[0]), nil
		})
}

// An ITSSession is the session control of the interactive teleservice.
// SMPP v5.0, section 4.8.4.34.
type ITSSession struct {
	Number   uint8 `json:"session_number"`
	Sequence uint8 `json:"sequence_number"` // 0 to 127, of the dialogue unit
	End      bool  `json:"end"`             // end of the session
}

func itsSessionForm() tlv.Form[ITSSession] {
	return tlv.NewForm("its_session", 2, 2,
		func(dst []byte, v ITSSession) ([]byte, error) {
			if v.Sequence > 127 {
				return dst, &tlv.Error{Fault: tlv.FaultValue, Value: fmt.Sprint(v.Sequence), Rule: "a dialogue unit number is 0 to 127"}
			}
			b := v.Sequence << 1
			if v.End {
				b |= 1
			}
			return append(dst, v.Number, b), nil
		},
		func(b []byte) (ITSSession, error) { return ITSSession{b[0], b[1] >> 1, b[1]&1 != 0}, nil })
}
