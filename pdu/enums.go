package pdu

import "fmt"

// An ESMClass holds the message mode, the message type and the GSM features of
// a message. SMPP v5.0, section 4.7.12.
type ESMClass uint8

// Message modes, in the two low bits. They mean something from an ESME to a
// message center.
const (
	ModeMask            ESMClass = 0x03
	ModeDefault         ESMClass = 0x00
	ModeDatagram        ESMClass = 0x01
	ModeForward         ESMClass = 0x02 // transaction mode
	ModeStoreAndForward ESMClass = 0x03
)

// Message types. Compare the value masked with TypeMask; the types are not
// single bits.
const (
	TypeMask                     ESMClass = 0x3C
	TypeNormal                   ESMClass = 0x00
	TypeDeliveryReceipt          ESMClass = 0x04 // from the message center
	TypeDeliveryAcknowledgement  ESMClass = 0x08 // from the other SME
	TypeUserAcknowledgement      ESMClass = 0x10 // from the user of the other SME
	TypeConversationAbort        ESMClass = 0x18
	TypeIntermediateNotification ESMClass = 0x20
)

// GSM features, in the two high bits.
const (
	UDHI      ESMClass = 0x40 // the user data starts with a user data header
	ReplyPath ESMClass = 0x80
)

// Mode returns the message mode.
func (e ESMClass) Mode() ESMClass { return e & ModeMask }

// Type returns the message type.
func (e ESMClass) Type() ESMClass { return e & TypeMask }

// HasUDHI reports whether the user data starts with a user data header.
func (e ESMClass) HasUDHI() bool { return e&UDHI != 0 }

// IsReceipt reports whether the type is that of a delivery receipt or an
// intermediate notification.
func (e ESMClass) IsReceipt() bool {
	return e.Type() == TypeDeliveryReceipt || e.Type() == TypeIntermediateNotification
}

// A RegisteredDelivery says which receipts and acknowledgements are wanted.
// SMPP v5.0, section 4.7.21.
type RegisteredDelivery uint8

// Which receipt is wanted from the message center; one of these, together with
// any of the acknowledgements.
const (
	ReceiptMask    RegisteredDelivery = 0x03
	NoReceipt      RegisteredDelivery = 0x00
	FinalReceipt   RegisteredDelivery = 0x01 // whatever the outcome
	FailureReceipt RegisteredDelivery = 0x02 // when not delivered, cancellation included
	SuccessReceipt RegisteredDelivery = 0x03 // when delivered; v5.0
)

// Further wishes, each a bit.
const (
	DeliveryAck              RegisteredDelivery = 0x04 // from the receiving SME
	UserAck                  RegisteredDelivery = 0x08 // from its user
	IntermediateNotification RegisteredDelivery = 0x10
)

// Receipt returns which receipt is wanted.
func (r RegisteredDelivery) Receipt() RegisteredDelivery { return r & ReceiptMask }

// A DataCoding tells the alphabet of the user data, or is the data coding
// scheme of GSM. Packages coding and sms make sense of it.
// SMPP v5.0, section 4.7.7.
type DataCoding uint8

// The data codings that SMPP names.
const (
	CodingDefault  DataCoding = 0x00 // what the message center says; the GSM alphabet as a rule
	CodingIA5      DataCoding = 0x01 // ASCII
	CodingOctets1  DataCoding = 0x02 // 8-bit binary
	CodingLatin1   DataCoding = 0x03 // ISO 8859-1
	CodingOctets   DataCoding = 0x04 // 8-bit binary, in GSM too
	CodingJIS      DataCoding = 0x05 // JIS X 0208
	CodingCyrillic DataCoding = 0x06 // ISO 8859-5
	CodingHebrew   DataCoding = 0x07 // ISO 8859-8
	CodingUCS2     DataCoding = 0x08 // UCS-2, UTF-16 in practice, big endian
	CodingPicto    DataCoding = 0x09 // pictograms
	CodingISO2022  DataCoding = 0x0A // ISO 2022-JP, music codes
	CodingJIS0212  DataCoding = 0x0D // JIS X 0212
	CodingKSC5601  DataCoding = 0x0E // KS C 5601
)

// A MessageState is how far a message has come. SMPP v5.0, section 4.7.15.
type MessageState uint8

// The message states. All but scheduled, enroute and unknown are final.
const (
	StateScheduled     MessageState = 0 // v5.0
	StateEnroute       MessageState = 1
	StateDelivered     MessageState = 2
	StateExpired       MessageState = 3
	StateDeleted       MessageState = 4
	StateUndeliverable MessageState = 5
	StateAccepted      MessageState = 6
	StateUnknown       MessageState = 7
	StateRejected      MessageState = 8
	StateSkipped       MessageState = 9 // v5.0
)

var stateNames = [...]string{"scheduled", "enroute", "delivered", "expired", "deleted", "undeliverable", "accepted", "unknown", "rejected", "skipped"}

func (s MessageState) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("reserved(%d)", uint8(s))
}

// Final reports whether the state is one that a message does not leave.
func (s MessageState) Final() bool {
	switch s {
	case StateScheduled, StateEnroute, StateUnknown:
		return false
	}
	return s <= StateSkipped
}

// Service types that SMPP names; others are by agreement with the message
// center. SMPP v5.0, section 4.7.25.
const (
	ServiceDefault               = ""
	ServiceCellularMessaging     = "CMT"
	ServiceCellularPaging        = "CPT"
	ServiceVoiceMailNotification = "VMN"
	ServiceVoiceMailAlerting     = "VMA"
	ServiceWAP                   = "WAP"
	ServiceUSSD                  = "USSD"
	ServiceCellBroadcast         = "CBS"  // v5.0
	ServiceGenericUDP            = "GUTS" // v5.0
)

// Values of protocol_id that GSM gives a meaning, its TP-PID.
// 3GPP TS 23.040, section 9.2.3.9.
const (
	ProtocolDefault         uint8 = 0x00
	ProtocolType0           uint8 = 0x40 // acknowledged and discarded by the mobile
	ProtocolReplaceType1    uint8 = 0x41 // up to type 7, 0x47
	ProtocolReplaceType7    uint8 = 0x47
	ProtocolReturnCall      uint8 = 0x5F
	ProtocolSIMDataDownload uint8 = 0x7F
)
