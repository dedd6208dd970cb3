package pdu_test

import (
	"fmt"
	"testing"

	"github.com/godwit-sms/smpp/pdu"
)

type specConstants struct {
	TON          map[string]string
	NPI          map[string]string
	MessageState map[string]struct{ Name, Kind string } `json:"message_state"`
	Versions     []struct {
		From, To int
		Means    string
	} `json:"interface_version"`
	Bands []struct {
		From, To int
		Name     string
	} `json:"congestion_bands"`
	ServiceType        []struct{ Value, Name string } `json:"service_type"`
	ESMClass           map[string]map[string]string   `json:"esm_class"`
	RegisteredDelivery map[string]map[string]string   `json:"registered_delivery"`
	DataCoding         map[string]string              `json:"data_coding"`
	Limits             struct {
		MaxPDU int `json:"max_pdu_octets"`
	}
}

func TestNamesOfConstants(t *testing.T) {
	c := readJSON[specConstants](t, "spec/constants.json")
	for i := range 256 {
		code := fmt.Sprint(i)
		for _, tt := range []struct {
			kind, got, want string
		}{
			{"TON", pdu.TON(i).String(), c.TON[code]},
			{"NPI", pdu.NPI(i).String(), c.NPI[code]},
			{"message state", pdu.MessageState(i).String(), c.MessageState[code].Name},
		} {
			if tt.want == "" {
				tt.want = "reserved(" + code + ")"
			}
			if tt.got != tt.want {
				t.Errorf("%s %d is %s, want %s", tt.kind, i, tt.got, tt.want)
			}
		}
		if got, want := pdu.MessageState(i).Final(), c.MessageState[code].Kind == "final"; got != want {
			t.Errorf("message state %d: final %v", i, got)
		}
	}
	for _, r := range c.Versions {
		for i := r.From; i <= r.To; i++ {
			want := map[string]pdu.Version{"v3_3": pdu.V33, "v3_4": pdu.V34, "v5_0": pdu.V50}[r.Means]
			if got := pdu.Version(i).Known(); got != want || want == 0 {
				t.Errorf("version 0x%02X is %v, want %v", i, got, want)
			}
		}
	}
	for _, b := range c.Bands {
		for i := b.From; i <= b.To; i++ {
			if got := pdu.Congestion(i).Band(); got != b.Name {
				t.Errorf("congestion %d is %s, want %s", i, got, b.Name)
			}
		}
	}
	if pdu.V34.String() != "3.4" || pdu.V33.String() != "3.3" || pdu.V50.String() != "5.0" || pdu.Version(0x12).String() != "0x12" {
		t.Error("names of versions")
	}
	if c.Limits.MaxPDU != pdu.DefaultMaxLen {
		t.Errorf("DefaultMaxLen %d", pdu.DefaultMaxLen)
	}
}

func TestConstants(t *testing.T) {
	c := readJSON[specConstants](t, "spec/constants.json")
	for _, tt := range []struct {
		kind  string
		names map[string]string // code to name
		want  map[string]uint8
	}{
		{"message mode", c.ESMClass["mode"], map[string]uint8{"default": uint8(pdu.ModeDefault), "datagram": uint8(pdu.ModeDatagram),
			"forward_transaction": uint8(pdu.ModeForward), "store_and_forward": uint8(pdu.ModeStoreAndForward)}},
		{"message type", c.ESMClass["type"], map[string]uint8{"normal": uint8(pdu.TypeNormal), "mc_delivery_receipt": uint8(pdu.TypeDeliveryReceipt),
			"sme_delivery_ack": uint8(pdu.TypeDeliveryAcknowledgement), "sme_manual_ack": uint8(pdu.TypeUserAcknowledgement),
			"conversation_abort": uint8(pdu.TypeConversationAbort), "intermediate_notification": uint8(pdu.TypeIntermediateNotification)}},
		{"GSM features", c.ESMClass["gsm"], map[string]uint8{"none": 0, "udhi": uint8(pdu.UDHI), "reply_path": uint8(pdu.ReplyPath), "udhi_and_reply_path": uint8(pdu.UDHI | pdu.ReplyPath)}},
		{"receipt", c.RegisteredDelivery["mc_receipt"], map[string]uint8{"none": uint8(pdu.NoReceipt), "success_or_failure": uint8(pdu.FinalReceipt),
			"failure_only": uint8(pdu.FailureReceipt), "success_only": uint8(pdu.SuccessReceipt)}},
		{"acknowledgement", c.RegisteredDelivery["sme_ack"], map[string]uint8{"none": 0, "delivery_ack": uint8(pdu.DeliveryAck), "manual_ack": uint8(pdu.UserAck), "both": uint8(pdu.DeliveryAck | pdu.UserAck)}},
		{"intermediate notification", c.RegisteredDelivery["intermediate_notification"], map[string]uint8{"no": 0, "requested": uint8(pdu.IntermediateNotification)}},
		{"data coding", c.DataCoding, map[string]uint8{"mc_default": uint8(pdu.CodingDefault), "ia5_ascii": uint8(pdu.CodingIA5), "octet_unspecified_1": uint8(pdu.CodingOctets1),
			"latin1": uint8(pdu.CodingLatin1), "octet_unspecified_2": uint8(pdu.CodingOctets), "jis": uint8(pdu.CodingJIS), "cyrillic": uint8(pdu.CodingCyrillic),
			"hebrew": uint8(pdu.CodingHebrew), "ucs2": uint8(pdu.CodingUCS2), "pictogram": uint8(pdu.CodingPicto), "iso_2022_jp": uint8(pdu.CodingISO2022),
			"extended_kanji_jis": uint8(pdu.CodingJIS0212), "ks_c_5601": uint8(pdu.CodingKSC5601)}},
	} {
		for code, name := range tt.names {
			if got, ok := tt.want[name]; !ok || fmt.Sprint(got) != code {
				t.Errorf("%s %s is %s, here %d (%v)", tt.kind, name, code, got, ok)
			}
		}
		if len(tt.names) != len(tt.want) {
			t.Errorf("%s: %d specified, %d here", tt.kind, len(tt.names), len(tt.want))
		}
	}
	services := map[string]bool{pdu.ServiceDefault: true, pdu.ServiceCellularMessaging: true, pdu.ServiceCellularPaging: true, pdu.ServiceVoiceMailNotification: true,
		pdu.ServiceVoiceMailAlerting: true, pdu.ServiceWAP: true, pdu.ServiceUSSD: true, pdu.ServiceCellBroadcast: true, pdu.ServiceGenericUDP: true}
	for _, s := range c.ServiceType {
		if !services[s.Value] {
			t.Errorf("service type %q has no constant", s.Value)
		}
	}
}

func TestBitFields(t *testing.T) {
	e := pdu.ModeForward | pdu.TypeIntermediateNotification | pdu.UDHI
	if e.Mode() != pdu.ModeForward || e.Type() != pdu.TypeIntermediateNotification || !e.HasUDHI() || !e.IsReceipt() {
		t.Errorf("0x%02X", uint8(e))
	}
	if pdu.TypeConversationAbort.IsReceipt() || !pdu.TypeDeliveryReceipt.IsReceipt() || pdu.ReplyPath.HasUDHI() {
		t.Error("types are not single bits")
	}
	if r := pdu.SuccessReceipt | pdu.UserAck; r.Receipt() != pdu.SuccessReceipt {
		t.Errorf("receipt %d", r.Receipt())
	}
	if w := pdu.WaitingActive | pdu.WaitingEmail; !w.Active() || w.Kind() != pdu.WaitingEmail || pdu.WaitingOther.Active() {
		t.Errorf("message waiting 0x%02X", uint8(w))
	}
	if p := pdu.PresentationRestricted | pdu.ScreeningFailed; p.Presentation() != pdu.PresentationRestricted || p.Screening() != pdu.ScreeningFailed {
		t.Errorf("presentation 0x%02X", uint8(p))
	}
}

func TestAddress(t *testing.T) {
	for _, tt := range []struct {
		name string
		got  pdu.Address
		want pdu.Address
		text string
	}{
		{"international", pdu.International("49170"), pdu.Address{TON: 1, NPI: 1, Addr: "49170"}, "+49170"},
		{"international with its plus sign", pdu.International("+49170"), pdu.Address{TON: 1, NPI: 1, Addr: "+49170"}, "+49170"},
		{"national", pdu.National("0170"), pdu.Address{TON: 2, NPI: 1, Addr: "0170"}, "0170"},
		{"short code", pdu.ShortCode("8080"), pdu.Address{TON: 3, NPI: 0, Addr: "8080"}, "8080"},
		{"alphanumeric", pdu.Alphanumeric("ACME"), pdu.Address{TON: 5, NPI: 0, Addr: "ACME"}, "ACME"},
		{"zero", pdu.Address{}, pdu.Address{}, ""},
		{"no number", pdu.International(""), pdu.Address{TON: 1, NPI: 1}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.got != tt.want || tt.got.String() != tt.text || tt.got.IsZero() != (tt.want == pdu.Address{}) {
				t.Errorf("%+v, %q", tt.got, tt.got)
			}
		})
	}
	if to := pdu.To(pdu.National("1"), pdu.ShortCode("2")); len(to) != 2 || to[1].Address != pdu.ShortCode("2") || to[0].List != "" {
		t.Errorf("%+v", to)
	}
}
