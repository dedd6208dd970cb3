package pdu_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

type specField struct {
	Name        string
	Type        string
	Max         int
	Sizes       []int
	Range       *[2]int
	LengthField string `json:"length_field"`
	LengthOf    string `json:"length_of"`
	CountField  string `json:"count_field"`
	CountOf     string `json:"count_of"`
	Group       string
	Status      string `json:"status_on_error"`
	Versions    map[string]specOverride
}

// A specOverride is how an older version differs.
type specOverride struct {
	Max   int
	Sizes []int
	Range *[2]int
	Note  string
}

type specCommand struct {
	Name, Kind, Pair string
	Since, Until     string
	Body             string
	ID               pdu.CommandID
	Fields           []specField
	RequiredTLVs     []string `json:"required_tlvs"`
}

type spec struct {
	Groups map[string]struct {
		Cases []struct {
			Name   string
			Value  *int
			Fields []specField
		}
	}
	Commands []specCommand
}

func readSpec(tb testing.TB) spec { return readJSON[spec](tb, "spec/commands.json") }

// describe turns fields of the specification into what Describe should give:
// a length or a count belongs to what it counts.
func (s *spec) describe(t *testing.T, fields []specField) []pdu.FieldInfo {
	byName := map[string]specField{}
	for _, f := range fields {
		byName[f.Name] = f
	}
	var out []pdu.FieldInfo
	for _, f := range fields {
		if f.LengthOf != "" || f.CountOf != "" {
			continue
		}
		info := pdu.FieldInfo{Name: f.Name, Type: f.Type, Max: f.Max, Sizes: f.Sizes, Counter: f.LengthField + f.CountField, Status: specStatus(t, f.Status)}
		for _, o := range f.Versions { // what any version has is read
			for _, n := range o.Sizes {
				if !slices.Contains(info.Sizes, n) {
					info.Sizes = append(slices.Clone(info.Sizes), n)
				}
			}
		}
		slices.Sort(info.Sizes)
		switch f.Type {
		case "cstring_fixed":
			info.Max = slices.Max(info.Sizes)
		case "repeat":
			count := byName[f.CountField]
			info.Max, info.Status = 255, specStatus(t, count.Status)
			if count.Range != nil {
				info.Min, info.Max = count.Range[0], count.Range[1]
			}
			for _, c := range s.Groups[f.Group].Cases {
				info.Elements = append(info.Elements, s.describe(t, c.Fields))
			}
		case "octets":
			if length := byName[f.LengthField]; length.Status != f.Status {
				t.Errorf("%s and %s have different statuses", f.Name, length.Name)
			}
		}
		out = append(out, info)
	}
	return out
}

func specStatus(t *testing.T, name string) pdu.Status {
	t.Helper()
	if name == "" {
		return pdu.StatusInvalidCommandLength
	}
	s, err := pdu.ParseStatus(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCommands(t *testing.T) {
	s, reg := readSpec(t), pdu.Standard()
	known := map[pdu.CommandID]bool{}
	for _, c := range s.Commands {
		t.Run(c.Name, func(t *testing.T) {
			if got := c.ID.String(); got != c.Name {
				t.Errorf("0x%08X is called %s", uint32(c.ID), got)
			}
			if reg.Name(c.ID) != c.Name || c.ID.IsResponse() != (c.Kind == "response") {
				t.Errorf("name %q, kind %s", reg.Name(c.ID), c.Kind)
			}
			body, ok := reg.New(c.ID)
			if id, found := reg.Lookup(c.Name); ok != (c.Until == "") || found != ok || reg.Known(c.ID) != ok || ok && id != c.ID {
				t.Fatalf("until %q, New %v, Known %v, Lookup %v", c.Until, ok, reg.Known(c.ID), found)
			}
			if !ok {
				if reg.Describe(c.ID) != nil {
					t.Error("Describe knows it")
				}
				return
			}
			known[c.ID] = true
			if body.Command() != c.ID {
				t.Errorf("New gives a %v", body.Command())
			}
			if reg.Notice(c.ID) != (c.Kind == "notification" || c.Kind == "request" && c.Pair == "") {
				t.Errorf("Notice %v", reg.Notice(c.ID))
			}
			if m := reflect.ValueOf(body).MethodByName("NewResponse"); c.Kind == "request" && c.Pair != "" {
				if got := m.Call(nil)[0].Interface().(pdu.Body).Command(); got.String() != c.Pair || got != c.ID.Response() || got.Request() != c.ID {
					t.Errorf("answered by %v, want %s", got, c.Pair)
				}
			} else if m.IsValid() {
				t.Error("it has a response")
			}
			got, want := reg.Describe(c.ID), s.describe(t, c.Fields)
			for i := range max(len(got), len(want)) {
				g, w := "nothing", "nothing"
				if i < len(got) {
					g = fmt.Sprintf("%+v", got[i])
				}
				if i < len(want) {
					w = fmt.Sprintf("%+v", want[i])
				}
				if g != w {
					t.Errorf("field %d is\n%s, want\n%s", i, g, w)
				}
			}
		})
	}
	for _, id := range reg.Commands() {
		if !known[id] {
			t.Errorf("%v is in no version", id)
		}
	}
	if ids := reg.Commands(); !slices.IsSorted(ids) {
		t.Errorf("not in order: %v", ids)
	}
	if got := pdu.CommandID(0x00010200); got.String() != "0x00010200" || reg.Name(got) != "" || reg.Known(got) || reg.Notice(got) {
		t.Errorf("an unknown command is %v, %q", got, reg.Name(got))
	}
}

// Every field of the specification is in a Go field of its own.
func TestEveryFieldHasAGoField(t *testing.T) {
	for _, c := range readSpec(t).Commands {
		body, ok := pdu.Standard().New(c.ID)
		if !ok {
			continue
		}
		for _, f := range c.Fields {
			if !computed[f.Name] {
				goField(t, reflect.ValueOf(body).Elem(), goNames, f.Name)
			}
		}
	}
}

type specTLV struct {
	Tag    tlv.Tag
	Name   string
	Since  string
	Type   string
	Length struct{ Min, Max int }
	Values map[string]string
	Repeat bool
}

type specTLVs struct{ TLVs []specTLV }

func TestTLVs(t *testing.T) {
	specified := readJSON[specTLVs](t, "spec/tlvs.json").TLVs
	if len(specified) != 64 || len(pdu.Standard().TLVs()) != 64 {
		t.Errorf("%d TLVs specified, %d defined, want 64", len(specified), len(pdu.Standard().TLVs()))
	}
	for _, s := range specified {
		t.Run(s.Name, func(t *testing.T) {
			d := pdu.Standard().TLV(s.Tag)
			if d == nil {
				t.Fatalf("0x%04X is not defined", uint16(s.Tag))
			}
			least, most := s.Length.Min, s.Length.Max
			if s.Type == "cstring" {
				least-- // the NUL may be missing
			}
			if s.Name == "broadcast_end_time" {
				least, most = 16, 17 // the specification says 16, which leaves no room for the NUL
			}
			if d.Tag != s.Tag || d.Name != s.Name || d.Min != least || d.Max != most || d.Repeated != s.Repeat || pdu.Standard().TLVName(s.Tag) != s.Name {
				t.Errorf("%s 0x%04X, %d to %d octets, repeated %v, want %+v", d.Name, uint16(d.Tag), d.Min, d.Max, d.Repeated, s)
			}
			switch s.Type {
			case "uint8", "uint16", "uint32", "cstring":
				if d.Kind != s.Type {
					t.Errorf("a %s, want %s", d.Kind, s.Type)
				}
			}
			for n := range most + 2 {
				fits := n >= least && n <= most && (s.Name != "ms_validity" || n == 1 || n == 4)
				if err := d.Check(make([]byte, n)); (err == nil) != fits {
					t.Errorf("%d octets: %v", n, err)
				}
				if n == 300 && most == 65535 {
					break
				}
			}
		})
	}
	if pdu.Standard().TLV(0x060C) != nil || pdu.Standard().TLVName(0x1400) != "" {
		t.Error("a tag that nobody has assigned is defined")
	}
}

// The Go constants of enumerated TLVs, by the names of the specification.
func TestTLVConstants(t *testing.T) {
	constants := map[string]map[string]uint64{
		"dest_addr_subunit": {"unknown": uint64(pdu.SubunitUnknown), "ms_display": uint64(pdu.SubunitDisplay), "mobile_equipment": uint64(pdu.SubunitMobileEquipment),
			"smart_card_1": uint64(pdu.SubunitSmartCard), "external_unit_1": uint64(pdu.SubunitExternal)},
		"dest_network_type": {"unknown": uint64(pdu.NetworkTypeUnknown), "gsm": uint64(pdu.NetworkTypeGSM), "ansi_136_tdma": uint64(pdu.NetworkTypeTDMA),
			"is_95_cdma": uint64(pdu.NetworkTypeCDMA), "pdc": uint64(pdu.NetworkTypePDC), "phs": uint64(pdu.NetworkTypePHS), "iden": uint64(pdu.NetworkTypeIDEN),
			"amps": uint64(pdu.NetworkTypeAMPS), "paging_network": uint64(pdu.NetworkTypePaging)},
		"dest_bearer_type": {"unknown": uint64(pdu.BearerUnknown), "sms": uint64(pdu.BearerSMS), "circuit_switched_data": uint64(pdu.BearerCSD),
			"packet_data": uint64(pdu.BearerPacketData), "ussd": uint64(pdu.BearerUSSD), "cdpd": uint64(pdu.BearerCDPD), "datatac": uint64(pdu.BearerDataTAC),
			"flex_reflex": uint64(pdu.BearerFLEX), "cell_broadcast": uint64(pdu.BearerCellBroadcast)},
		"payload_type": {"default_wdp": uint64(pdu.PayloadWDP), "wcmp": uint64(pdu.PayloadWCMP)},
		"privacy_indicator": {"not_restricted": uint64(pdu.PrivacyNotRestricted), "restricted": uint64(pdu.PrivacyRestricted),
			"confidential": uint64(pdu.PrivacyConfidential), "secret": uint64(pdu.PrivacySecret)},
		"language_indicator": {"unspecified": uint64(pdu.LanguageUnspecified), "english": uint64(pdu.LanguageEnglish), "french": uint64(pdu.LanguageFrench),
			"spanish": uint64(pdu.LanguageSpanish), "german": uint64(pdu.LanguageGerman), "portuguese": uint64(pdu.LanguagePortuguese)},
		"sc_interface_version":    {"v3_3_or_earlier": uint64(pdu.V33), "v3_4": uint64(pdu.V34), "v5_0": uint64(pdu.V50)},
		"ms_availability_status":  {"available": uint64(pdu.Available), "denied": uint64(pdu.Denied), "unavailable": uint64(pdu.Unavailable)},
		"delivery_failure_reason": {"destination_unavailable": uint64(pdu.FailureDestUnavailable), "destination_address_invalid": uint64(pdu.FailureDestInvalid), "permanent_network_error": uint64(pdu.FailurePermanentNetwork), "temporary_network_error": uint64(pdu.FailureTemporaryNetwork)},
		"dest_addr_np_resolution": {"not_queried": uint64(pdu.PortabilityNotQueried), "queried_not_ported": uint64(pdu.PortabilityNotPorted), "queried_ported": uint64(pdu.PortabilityPorted)},
		"display_time":            {"temporary": uint64(pdu.DisplayTemporary), "default": uint64(pdu.DisplayDefault), "invoke": uint64(pdu.DisplayInvoke)},
		"alert_on_message_delivery": {"mobile_default": uint64(pdu.AlertMobileDefault), "low_priority": uint64(pdu.AlertLowPriority),
			"medium_priority": uint64(pdu.AlertMediumPriority), "high_priority": uint64(pdu.AlertHighPriority)},
		"its_reply_type": {"digit": uint64(pdu.ITSDigit), "number": uint64(pdu.ITSNumber), "telephone_number": uint64(pdu.ITSTelephoneNumber), "password": uint64(pdu.ITSPassword),
			"character_line": uint64(pdu.ITSCharacterLine), "menu": uint64(pdu.ITSMenu), "date": uint64(pdu.ITSDate), "time": uint64(pdu.ITSTime), "continue": uint64(pdu.ITSContinue)},
		"ussd_service_op": {"pssd_indication": uint64(pdu.PSSDIndication), "pssr_indication": uint64(pdu.PSSRIndication), "ussr_request": uint64(pdu.USSRRequest),
			"ussn_request": uint64(pdu.USSNRequest), "pssd_response": uint64(pdu.PSSDResponse), "pssr_response": uint64(pdu.PSSRResponse),
			"ussr_confirm": uint64(pdu.USSRConfirm), "ussn_confirm": uint64(pdu.USSNConfirm)},
	}
	seen := 0
	for _, s := range readJSON[specTLVs](t, "spec/tlvs.json").TLVs {
		want, ok := constants[s.Name]
		if !ok {
			continue
		}
		seen++
		for code, name := range s.Values {
			if got, ok := want[name]; !ok || fmt.Sprint(got) != code {
				t.Errorf("%s: %s is %s, here %d (%v)", s.Name, name, code, got, ok)
			}
		}
	}
	if seen != len(constants) {
		t.Errorf("%d of %d are specified", seen, len(constants))
	}
}

// The typed values of structured TLVs and their octets.
func TestStructuredTLVs(t *testing.T) {
	for name, check := range map[string]func(*testing.T){
		"dest_telematics_id":    typed(pdu.TLVDestTelematicsID, pdu.Telematics{ProtocolID: 0x40}, "4000"),
		"NSAP subaddress":       typed(pdu.TLVSourceSubaddress, pdu.Subaddress{Type: pdu.SubaddressNSAPEven, Value: pdu.Hex{1, 2}}, "800102"),
		"user's subaddress":     typed(pdu.TLVDestSubaddress, pdu.Subaddress{Type: pdu.SubaddressUser, Value: pdu.Hex("A")}, "a041"),
		"callback presentation": typed(pdu.TLVCallbackNumPresInd, pdu.PresentationRestricted|pdu.ScreeningPassed, "05"),
		"callback tag":          typed(pdu.TLVCallbackNumATag, pdu.CallbackTag{DataCoding: pdu.CodingUCS2, Text: pdu.Hex{0, 'A'}}, "080041"),
		"callback number":       typed(pdu.TLVCallbackNum, pdu.CallbackNumber{DigitMode: pdu.DigitsASCII, TON: pdu.TONInternational, NPI: pdu.NPIISDN, Digits: "5551"}, "01010135353531"),
		"network error":         typed(pdu.TLVNetworkErrorCode, pdu.NetworkError{Type: pdu.ErrorGSM, Code: 27}, "03001b"),
		"content type":          typed(pdu.TLVBroadcastContentType, pdu.ContentType{Network: pdu.BroadcastGeneric, Service: pdu.ServiceNewsFlashes}, "000010"),
		"frequency":             typed(pdu.TLVBroadcastFrequency, pdu.Frequency{Unit: pdu.EveryMinutes, Count: 31}, "09001f"),
		"named area":            typed(pdu.TLVBroadcastAreaIdentifier, pdu.NamedArea("Cork"), "00436f726b"),
		"polygon":               typed(pdu.TLVBroadcastAreaIdentifier, pdu.Area{Format: pdu.AreaPolygon, Details: []byte{1, 2}}, "020102"),
		"billing":               typed(pdu.TLVBillingIdentification, pdu.Billing{Format: 0x81, Data: pdu.Hex("abc")}, "81616263"),
		"validity of one octet": typed(pdu.TLVMSValidity, pdu.MSValidity{Behaviour: pdu.ValidDisplayOnly}, "03"),
		"relative validity":     typed(pdu.TLVMSValidity, pdu.MSValidity{Behaviour: pdu.ValidRelative, Unit: pdu.ValidityHours, Count: 48}, "04020030"),
		"alert without a value": typed(pdu.TLVAlertOnMessageDelivery, pdu.AlertDefault, ""),
		"alert with a value":    typed(pdu.TLVAlertOnMessageDelivery, pdu.AlertHighPriority, "03"),
		"ITS session":           typed(pdu.TLVITSSessionInfo, pdu.ITSSession{Number: 7, Sequence: 127, End: true}, "07ff"),
		"end time":              typed(pdu.TLVBroadcastEndTime, pdu.Time("240301180000000+"), "3234303330313138303030303030302b00"),
		"message waiting":       typed(pdu.TLVMSMsgWaitFacilities, pdu.WaitingActive|pdu.WaitingFax, "81"),
		"area error":            typed(pdu.TLVBroadcastErrorStatus, pdu.StatusInvalidBroadcastAreaFormat, "00000109"),
	} {
		t.Run(name, check)
	}
}

// typed checks that a value is written as the octets given and read back.
func typed[T any](key tlv.Key[T], value T, hex string) func(*testing.T) {
	return func(t *testing.T) {
		o := key.Option(value)
		if got := fmt.Sprintf("%x", o.Value); o.Err() != nil || got != hex {
			t.Errorf("written as %s, %v, want %s", got, o.Err(), hex)
		}
		if got, ok := key.Get(tlv.List{o}); !ok || !reflect.DeepEqual(got, value) {
			t.Errorf("read as %+v, %v", got, ok)
		}
	}
}

func TestTLVValuesThatCannotBeWritten(t *testing.T) {
	for _, tt := range []struct {
		name   string
		option tlv.Option
	}{
		{"subaddress without octets", pdu.TLVSourceSubaddress.Option(pdu.Subaddress{Type: pdu.SubaddressUser})},
		{"subaddress of 23 octets", pdu.TLVSourceSubaddress.Option(pdu.Subaddress{Value: make(pdu.Hex, 23)})},
		{"callback number without digits", pdu.TLVCallbackNum.Option(pdu.CallbackNumber{})},
		{"callback number of 17 digits", pdu.TLVCallbackNum.Option(pdu.CallbackNumber{Digits: strings.Repeat("5", 17)})},
		{"area of 101 octets", pdu.TLVBroadcastAreaIdentifier.Option(pdu.NamedArea(strings.Repeat("a", 101)))},
		{"billing data of 1024 octets", pdu.TLVBillingIdentification.Option(pdu.Billing{Data: make(pdu.Hex, 1024)})},
		{"dialogue unit 128", pdu.TLVITSSessionInfo.Option(pdu.ITSSession{Sequence: 128})},
		{"node id of 5 digits", pdu.TLVSourceNodeID.Option("12345")},
		{"network id of 5 characters", pdu.TLVSourceNetworkID.Option("12345")},
		{"message id of 65 characters", pdu.TLVReceiptedMessageID.Option(strings.Repeat("m", 65))},
		{"end time of 12 digits", pdu.TLVBroadcastEndTime.Option("240301180000")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := &pdu.DataSM{TLVs: tlv.List{tt.option}}
			b, err := pdu.Append(nil, pdu.Header{}, m)
			var e *pdu.EncodeError
			if !errors.As(err, &e) || len(b) != 0 || e.Field != pdu.Standard().TLVName(tt.option.Tag) || e.Reason == "" || (e.Status != pdu.StatusInvalidTLVLength && e.Status != pdu.StatusInvalidTLVValue) {
				t.Errorf("%d octets, %v", len(b), err)
			}
		})
	}
}
