package pdu

import "fmt"

// A TON is a type of number. SMPP v5.0, section 4.7.1.
type TON uint8

// The types of number.
const (
	TONUnknown         TON = 0
	TONInternational   TON = 1
	TONNational        TON = 2
	TONNetworkSpecific TON = 3
	TONSubscriber      TON = 4
	TONAlphanumeric    TON = 5
	TONAbbreviated     TON = 6
)

var tonNames = [...]string{"unknown", "international", "national", "network_specific", "subscriber_number", "alphanumeric", "abbreviated"}

func (t TON) String() string {
	if int(t) < len(tonNames) {
		return tonNames[t]
	}
	return fmt.Sprintf("reserved(%d)", uint8(t))
}

// An NPI is a numbering plan indicator. SMPP v5.0, section 4.7.2.
type NPI uint8

// The numbering plans.
const (
	NPIUnknown    NPI = 0
	NPIISDN       NPI = 1 // E.163 and E.164
	NPIData       NPI = 3 // X.121
	NPITelex      NPI = 4 // F.69
	NPILandMobile NPI = 6 // E.212
	NPINational   NPI = 8
	NPIPrivate    NPI = 9
	NPIERMES      NPI = 10
	NPIInternet   NPI = 14 // IP
	NPIWAPClient  NPI = 18
)

func (n NPI) String() string {
	switch n {
	case NPIUnknown:
		return "unknown"
	case NPIISDN:
		return "isdn_e164"
	case NPIData:
		return "data_x121"
	case NPITelex:
		return "telex_f69"
	case NPILandMobile:
		return "land_mobile_e212"
	case NPINational:
		return "national"
	case NPIPrivate:
		return "private"
	case NPIERMES:
		return "ermes"
	case NPIInternet:
		return "internet_ip"
	case NPIWAPClient:
		return "wap_client_id"
	}
	return fmt.Sprintf("reserved(%d)", uint8(n))
}

// An Address is one end of a message: a number, a short code or a name, with
// what kind of address it is. The zero Address as a source lets the message
// center choose its default.
type Address struct {
	TON  TON
	NPI  NPI
	Addr string // at most 20 octets in most PDUs, 64 in data_sm and alert_notification
}

// International is a number with its country code and no plus sign, such as
// 491701234567.
func International(number string) Address { return Address{TONInternational, NPIISDN, number} }

// National is a number in the national form of the message center's network.
func National(number string) Address { return Address{TONNational, NPIISDN, number} }

// ShortCode is a number that only means something in one network, such as 8080.
func ShortCode(code string) Address { return Address{TONNetworkSpecific, NPIUnknown, code} }

// Alphanumeric is a name, such as ACME. GSM networks carry 11 characters.
func Alphanumeric(name string) Address { return Address{TONAlphanumeric, NPIUnknown, name} }

// IsZero reports whether nothing is set.
func (a Address) IsZero() bool { return a == Address{} }

// String returns the address, with a plus sign before an international number.
func (a Address) String() string {
	if a.TON == TONInternational && a.Addr != "" && a.Addr[0] != '+' {
		return "+" + a.Addr
	}
	return a.Addr
}
