package interop_test

import (
	"errors"
	"maps"
	"testing"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/internal/interop"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// An op is a request and its response as both sides see them: as our structs, and as the parameters and TLVs of node-smpp. It is
// sent both ways: written by us and read by node-smpp, and the other way round.
type op struct {
	name         string
	request      pdu.Body
	fields, tlvs m
	read         m // how node-smpp reads the fields, where it is not how it is given them
	status       pdu.Status
	response     pdu.Body
	respFields   m
	respTLVs     m
}

var (
	acme   = pdu.Alphanumeric("ACME")
	mobile = pdu.International("491701234567")

	fromACME = m{"source_addr_ton": 5, "source_addr_npi": 0, "source_addr": "ACME"}
	toMobile = m{"dest_addr_ton": 1, "dest_addr_npi": 1, "destination_addr": "491701234567"}
	sender   = m{"source_addr_ton": 1, "source_addr_npi": 1, "source_addr": "491701234567"}
	toACME   = m{"dest_addr_ton": 5, "dest_addr_npi": 0, "destination_addr": "ACME"}
)

// with puts maps together.
func with(all ...m) m {
	sum := m{}
	for _, one := range all {
		maps.Copy(sum, one)
	}
	return sum
}

// octetsOf is how node-smpp's side of these tests writes octets.
func octetsOf(hex string) m { return m{"hex": hex} }

// Requests of an ESME.
var esmeOps = []op{
	{
		name: "submit_sm, all fields",
		request: &pdu.SubmitSM{ServiceType: "CMT", Source: acme, Dest: mobile, ESMClass: pdu.ModeStoreAndForward | pdu.TypeUserAcknowledgement,
			ProtocolID: 0x41, PriorityFlag: 3, ScheduleDeliveryTime: "270102030405000+", ValidityPeriod: "270203040506700+",
			RegisteredDelivery: pdu.FinalReceipt | pdu.IntermediateNotification, ReplaceIfPresent: 1, DataCoding: pdu.CodingLatin1,
			DefaultMessageID: 7, ShortMessage: []byte("caf\xe9"),
			TLVs: tlv.List{campaignID.Option("summer-7"), label.Option("red"), label.Option(""), label.Option("green"), weight.Option(4000000000)}},
		fields: with(fromACME, toMobile, m{"service_type": "CMT", "esm_class": 0x13, "protocol_id": 0x41, "priority_flag": 3,
			"schedule_delivery_time": m{"date": "2027-01-02T03:04:05.000Z"}, "validity_period": m{"date": "2027-02-03T04:05:06.700Z"},
			"registered_delivery": 0x11, "replace_if_present_flag": 1, "data_coding": 3, "sm_default_msg_id": 7, "short_message": m{"message": "caf\u00e9"}}),
		tlvs:       m{"campaign_id": "summer-7", "label": []string{"red", "", "green"}, "weight": int64(4000000000)},
		response:   &pdu.SubmitSMResp{MessageID: "0007a-F", TLVs: tlv.List{weight.Option(1), pdu.TLVCongestionState.Option(42)}},
		respFields: m{"message_id": "0007a-F"}, respTLVs: m{"weight": 1, "congestion_state": 42},
	},
	{
		name:     "submit_sm, empty",
		request:  &pdu.SubmitSM{},
		fields:   with(m{"source_addr_ton": 0, "source_addr": "", "destination_addr": "", "data_coding": 0, "short_message": m{"message": ""}}),
		response: &pdu.SubmitSMResp{}, respFields: m{"message_id": ""},
	},
	{
		// node-smpp turns relative times into points in time when it reads them (B24); it writes a string as it is.
		name:    "submit_sm, user data header and relative time",
		request: &pdu.SubmitSM{Dest: mobile, ESMClass: pdu.UDHI, ValidityPeriod: "000007000000000R", DataCoding: pdu.CodingUCS2, ShortMessage: []byte("\x05\x00\x03\x07\x02\x01\x04\x1f\x04\x40")},
		fields: with(toMobile, m{"data_coding": 8, "validity_period": "000007000000000R",
			"short_message": m{"udh": octetsOf("050003070201"), "message": "\u041f\u0440"}}),
		read:     m{"esm_class": 0x40, "short_message": m{"udh": []m{octetsOf("0003070201")}, "message": "\u041f\u0440"}},
		response: &pdu.SubmitSMResp{MessageID: "1"}, respFields: m{"message_id": "1"},
	},
	{
		name:     "submit_sm, octets",
		request:  &pdu.SubmitSM{Dest: mobile, DataCoding: pdu.CodingOctets, ShortMessage: []byte("\x00\xff\x80\x1b")},
		fields:   with(toMobile, m{"data_coding": 4, "short_message": octetsOf("00ff801b")}),
		read:     m{"short_message": m{"message": octetsOf("00ff801b")}},
		response: &pdu.SubmitSMResp{MessageID: "2"}, respFields: m{"message_id": "2"},
	},
	{
		name:    "submit_sm, throttled",
		request: &pdu.SubmitSM{Dest: mobile}, fields: toMobile, status: pdu.StatusThrottled,
	},
	{
		// With an error, node-smpp leaves out the body (B21), but reads one.
		name:    "submit_sm, refused with a body",
		request: &pdu.SubmitSM{Dest: mobile}, fields: toMobile, status: pdu.StatusDeliveryFailure,
		response:   &pdu.SubmitSMResp{MessageID: "77", TLVs: tlv.List{pdu.TLVAdditionalStatusInfoText.Option("no route")}},
		respFields: m{"message_id": "77"}, respTLVs: m{"additional_status_info_text": "no route"},
	},
	{
		name: "submit_multi",
		request: &pdu.SubmitMulti{Source: acme, Dests: []pdu.Destination{{Address: mobile}, {Flag: pdu.DestList, List: "friends"}, {Address: pdu.Address{Addr: "222"}}},
			RegisteredDelivery: pdu.FailureReceipt, DataCoding: pdu.CodingLatin1, ShortMessage: []byte("hi")},
		fields: with(fromACME, m{"dest_address": []m{toMobile, {"dl_name": "friends"}, {"dest_addr_ton": 0, "dest_addr_npi": 0, "destination_addr": "222"}},
			"registered_delivery": 2, "data_coding": 3, "short_message": m{"message": "hi"}}),
		response: &pdu.SubmitMultiResp{MessageID: "m1", Failed: []pdu.Unsuccessful{{Address: mobile, Status: pdu.StatusInvalidDest}, {Address: pdu.Address{Addr: "222"}, Status: 0xFFFFFFFF}}},
		respFields: m{"message_id": "m1", "unsuccess_sme": []m{with(toMobile, m{"error_status_code": 0x0b}),
			{"dest_addr_ton": 0, "dest_addr_npi": 0, "destination_addr": "222", "error_status_code": int64(4294967295)}}},
	},
	{
		name: "data_sm from an ESME",
		request: &pdu.DataSM{ServiceType: "WAP", Source: acme, Dest: mobile, ESMClass: pdu.ModeForward, RegisteredDelivery: pdu.SuccessReceipt,
			DataCoding: pdu.CodingLatin1, TLVs: tlv.List{pdu.TLVMessagePayload.Option([]byte("caf\xe9"))}},
		fields:     with(fromACME, toMobile, m{"service_type": "WAP", "esm_class": 2, "registered_delivery": 3, "data_coding": 3}),
		tlvs:       m{"message_payload": m{"message": "caf\u00e9"}},
		response:   &pdu.DataSMResp{MessageID: "d1", TLVs: tlv.List{pdu.TLVDeliveryFailureReason.Option(pdu.FailureDestInvalid), pdu.TLVNetworkErrorCode.Option(pdu.NetworkError{Type: pdu.ErrorGSM, Code: 0x1234})}},
		respFields: m{"message_id": "d1"}, respTLVs: m{"delivery_failure_reason": 1, "network_error_code": octetsOf("031234")},
	},
	{
		name:       "query_sm",
		request:    &pdu.QuerySM{MessageID: "0007a-F", Source: acme},
		fields:     with(fromACME, m{"message_id": "0007a-F"}),
		response:   &pdu.QuerySMResp{MessageID: "0007a-F", FinalDate: "260102030405900+", State: pdu.StateUndeliverable, ErrorCode: 200},
		respFields: m{"message_id": "0007a-F", "final_date": m{"date": "2026-01-02T03:04:05.900Z"}, "message_state": 5, "error_code": 200},
	},
	{
		name:     "query_sm, not final",
		request:  &pdu.QuerySM{MessageID: "1"},
		fields:   m{"message_id": "1"},
		response: &pdu.QuerySMResp{MessageID: "1", State: pdu.StateEnroute}, respFields: m{"final_date": "", "message_id": "1", "message_state": 1},
	},
	{name: "query_sm, refused", request: &pdu.QuerySM{MessageID: "?"}, fields: m{"message_id": "?"}, status: pdu.StatusQueryFailed},
	{
		name:     "cancel_sm",
		request:  &pdu.CancelSM{ServiceType: "CMT", MessageID: "1", Source: acme, Dest: mobile},
		fields:   with(fromACME, toMobile, m{"service_type": "CMT", "message_id": "1"}),
		response: &pdu.CancelSMResp{},
	},
	{name: "cancel_sm, refused", request: &pdu.CancelSM{MessageID: "?"}, fields: m{"message_id": "?"}, status: pdu.StatusCancelFailed},
	{
		// There is no data_coding, so that node-smpp takes text for GSM and shows octets (B17).
		name: "replace_sm",
		request: &pdu.ReplaceSM{MessageID: "1", Source: acme, ScheduleDeliveryTime: "270102030405000+", ValidityPeriod: "270203040506000+",
			RegisteredDelivery: pdu.FinalReceipt, DefaultMessageID: 3, ShortMessage: []byte("new")},
		fields: with(fromACME, m{"message_id": "1", "schedule_delivery_time": m{"date": "2027-01-02T03:04:05.000Z"},
			"validity_period": m{"date": "2027-02-03T04:05:06.000Z"}, "registered_delivery": 1, "sm_default_msg_id": 3, "short_message": octetsOf("6e6577")}),
		response: &pdu.ReplaceSMResp{},
	},
	{
		name: "broadcast_sm",
		request: &pdu.BroadcastSM{ServiceType: "CBS", Source: acme, MessageID: "b0", PriorityFlag: 1, ScheduleDeliveryTime: "270102030405000+",
			ValidityPeriod: "270203040506000+", ReplaceIfPresent: 1, DataCoding: pdu.CodingLatin1, DefaultMessageID: 9, TLVs: tlv.List{
				pdu.TLVBroadcastAreaIdentifier.Option(pdu.NamedArea("north")),
				pdu.TLVBroadcastAreaIdentifier.Option(pdu.Area{Format: pdu.AreaPolygon, Details: []byte{1, 2, 3}}),
				pdu.TLVBroadcastContentType.Option(pdu.ContentType{Network: pdu.BroadcastGeneric, Service: pdu.ServiceWeather}),
				pdu.TLVBroadcastFrequency.Option(pdu.Frequency{Unit: pdu.EveryMinutes, Count: 500}),
				pdu.TLVBroadcastRepNum.Option(300),
				pdu.TLVMessagePayload.Option([]byte("rain")),
			}},
		fields: with(fromACME, m{"service_type": "CBS", "message_id": "b0", "priority_flag": 1, "schedule_delivery_time": m{"date": "2027-01-02T03:04:05.000Z"},
			"validity_period": m{"date": "2027-02-03T04:05:06.000Z"}, "replace_if_present_flag": 1, "data_coding": 3, "sm_default_msg_id": 9}),
		tlvs: m{"broadcast_area_identifier": []m{{"format": 0, "data": "north"}, {"format": 2, "data": octetsOf("010203")}},
			"broadcast_content_type": m{"network": 0, "content_type": 0x33}, "broadcast_frequency_interval": m{"unit": 9, "interval": 500},
			"broadcast_rep_num": 300, "message_payload": m{"message": "rain"}},
		response: &pdu.BroadcastSMResp{MessageID: "b1", TLVs: tlv.List{
			pdu.TLVBroadcastAreaIdentifier.Option(pdu.NamedArea("north")), pdu.TLVBroadcastErrorStatus.Option(pdu.StatusInvalidBroadcastAliasName)}},
		respFields: m{"message_id": "b1"},
		respTLVs:   m{"failed_broadcast_area_identifier": []m{{"format": 0, "data": "north"}}, "broadcast_error_status": []int{0x108}},
	},
	{
		name:    "query_broadcast_sm",
		request: &pdu.QueryBroadcastSM{MessageID: "b1", Source: acme},
		fields:  with(fromACME, m{"message_id": "b1"}),
		response: &pdu.QueryBroadcastSMResp{MessageID: "b1", TLVs: tlv.List{pdu.TLVMessageState.Option(pdu.StateSkipped),
			pdu.TLVBroadcastAreaIdentifier.Option(pdu.NamedArea("north")), pdu.TLVBroadcastAreaSuccess.Option(80)}},
		respFields: m{"message_id": "b1"},
		respTLVs:   m{"message_state": 9, "broadcast_area_identifier": []m{{"format": 0, "data": "north"}}, "broadcast_area_success": 80},
	},
	{
		name:     "cancel_broadcast_sm",
		request:  &pdu.CancelBroadcastSM{ServiceType: "CBS", MessageID: "b1", Source: acme, TLVs: tlv.List{pdu.TLVUserMessageReference.Option(4660)}},
		fields:   with(fromACME, m{"service_type": "CBS", "message_id": "b1"}),
		tlvs:     m{"user_message_reference": 4660},
		response: &pdu.CancelBroadcastSMResp{},
	},
	{
		name:    "vendor_ping",
		request: &vendorPing{Text: "ping", Count: 513, TLVs: tlv.List{campaignID.Option("x")}},
		fields:  m{"text": "ping", "count": 513}, tlvs: m{"campaign_id": "x"},
		response: &vendorPingResp{Text: "pong"}, respFields: m{"text": "pong"},
	},
	{name: "vendor_ping, refused", request: &vendorPing{}, fields: m{"text": ""}, status: 0x499},
}

// Requests of a message center.
var mcOps = []op{
	{
		name: "deliver_sm, receipt",
		request: &pdu.DeliverSM{ServiceType: "CMT", Source: mobile, Dest: acme, ESMClass: pdu.TypeDeliveryReceipt, ProtocolID: 1, PriorityFlag: 2,
			RegisteredDelivery: pdu.UserAck, DataCoding: pdu.CodingLatin1, ShortMessage: []byte("id:1 stat:DELIVRD"),
			TLVs: tlv.List{pdu.TLVReceiptedMessageID.Option("1"), pdu.TLVMessageState.Option(pdu.StateDelivered)}},
		fields: with(sender, toACME, m{"service_type": "CMT", "esm_class": 4, "protocol_id": 1, "priority_flag": 2, "schedule_delivery_time": "",
			"validity_period": "", "registered_delivery": 8, "data_coding": 3, "short_message": m{"message": "id:1 stat:DELIVRD"}}),
		tlvs:     m{"receipted_message_id": "1", "message_state": 2},
		response: &pdu.DeliverSMResp{}, respFields: m{"message_id": ""},
	},
	{
		// B27: node-smpp's own limit for what it reads is 16,384 octets.
		name:    "deliver_sm, 64 KB",
		request: &pdu.DeliverSM{Source: mobile, Dest: acme, DataCoding: pdu.CodingOctets, TLVs: tlv.List{pdu.TLVMessagePayload.Option(make([]byte, 65535))}},
		fields:  with(sender, toACME, m{"data_coding": 4}), tlvs: m{"message_payload": octetsOf(zeros(65535))},
		response: &pdu.DeliverSMResp{},
	},
	{name: "deliver_sm, refused", request: &pdu.DeliverSM{Dest: acme}, fields: toACME, status: pdu.StatusTemporaryAppError},
	{
		name:    "data_sm from a message center",
		request: &pdu.DataSM{Source: mobile, Dest: acme, TLVs: tlv.List{pdu.TLVMessagePayload.Option([]byte{0, 1, 2}), pdu.TLVSourcePort.Option(9200), pdu.TLVDestPort.Option(2948)}, DataCoding: pdu.CodingOctets},
		fields:  with(sender, toACME, m{"data_coding": 4}), tlvs: m{"message_payload": octetsOf("000102"), "source_port": 9200, "dest_port": 2948},
		response: &pdu.DataSMResp{MessageID: "e1"}, respFields: m{"message_id": "e1"},
	},
	{
		name:    "alert_notification",
		request: &pdu.AlertNotification{Source: mobile, ESME: acme, TLVs: tlv.List{pdu.TLVMSAvailabilityStatus.Option(pdu.Denied)}},
		fields:  with(sender, m{"esme_addr_ton": 5, "esme_addr_npi": 0, "esme_addr": "ACME"}), tlvs: m{"ms_availability_status": 1},
	},
	{
		name:    "vendor_ping",
		request: &vendorPing{Text: "ping", Count: 1}, fields: m{"text": "ping", "count": 1},
		response: &vendorPingResp{Text: "pong", TLVs: tlv.List{weight.Option(7)}}, respFields: m{"text": "pong"}, respTLVs: m{"weight": 7},
	},
}

func zeros(n int) string {
	b := make([]byte, 2*n)
	for i := range b {
		b[i] = '0'
	}
	return string(b)
}

// commandOf returns the name of the command of a body.
func commandOf(b pdu.Body) string { return vendorRegistry().Name(b.Command()) }

// seen is the event by which node-smpp tells of the request.
func (o *op) seen() m {
	fields, tlvs := with(o.fields, o.read), with(o.tlvs)
	if v, ok := fields["validity_period"].(string); ok && v != "" {
		delete(fields, "validity_period") // B24
	}
	if hex, ok := tlvs["message_payload"].(m); ok && hex["hex"] != nil {
		tlvs["message_payload"] = m{"message": hex}
	}
	return m{"command": commandOf(o.request), "command_id": o.request.Command(), "command_status": 0, "fields": fields, "tlvs": tlvs}
}

// weSend sends the op from our session to node-smpp.
func (o *op) weSend(t *testing.T, s *smpp.Session, p *interop.Proc) {
	command := commandOf(o.request)
	p.Call(m{"do": "set", "options": m{"answers": m{command: with(o.respFields, o.respTLVs, m{"command_status": o.status})}}})
	if o.request.Command() == pdu.IDAlertNotification {
		if err := s.Send(t.Context(), o.request); err != nil {
			t.Fatal(err)
		}
		check(t, "node-smpp read", p.Expect(interop.PDU(command), interop.Timeout), o.seen())
		return
	}
	got, err := s.RoundTrip(t.Context(), o.request)
	event := p.Expect(interop.PDU(command), interop.Timeout)
	check(t, "node-smpp read", event, o.seen())
	if n := len(event["tlvs"].(map[string]any)); n != len(o.tlvs) {
		t.Errorf("node-smpp read %d TLVs, want %d: %v", n, len(o.tlvs), event["tlvs"])
	}
	if o.status != pdu.StatusOK {
		// There is a body only where the command has no fields, so that a header is all of it.
		if hasBody := got != nil; hasBody != (len(vendorRegistry().Describe(o.request.Command().Response())) == 0) {
			t.Errorf("body %v", got)
		}
		var re *smpp.ResponseError
		if !errors.As(err, &re) || re.Status != o.status || re.Nack || smpp.Outcome(err) != smpp.Refused {
			t.Errorf("got %v and %v, want %v", got, err, o.status)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	same(t, "our response", got, o.response)
}

// theySend sends the op from node-smpp to our session.
func (o *op) theySend(t *testing.T, s *station, p *interop.Proc) {
	command := commandOf(o.request)
	s.answer(o.request.Command(), o.status, o.response)
	event := p.SendPDU(command, with(o.fields, o.tlvs))
	same(t, "we read", s.next(t, o.request.Command()).Body, o.request)
	if o.request.Command() == pdu.IDAlertNotification {
		return
	}
	check(t, "response that node-smpp read", event, m{"event": "response", "command": command + "_resp", "command_status": o.status,
		"fields": with(o.respFields), "tlvs": with(o.respTLVs)})
	if n := len(event["tlvs"].(map[string]any)); n != len(o.respTLVs) {
		t.Errorf("node-smpp read %d TLVs, want %d: %v", n, len(o.respTLVs), event["tlvs"])
	}
}

// longEnough makes node-smpp read what SMPP allows (B27).
func longEnough(o interop.Options) interop.Options {
	o.MaxLength = pdu.DefaultMaxLen
	return o
}

func TestOurClientWithTheirServer(t *testing.T) {
	eachWay(t, func(t *testing.T, serverOptions, _ interop.Options) {
		st := newStation()
		p, s := ours(t, vendor(longEnough(serverOptions)), &smpp.Config{Handler: st, Registry: vendorRegistry()})
		if s.SystemID() != "node-smpp" || s.Version() != pdu.V50 || s.State() != smpp.StateBoundTRX {
			t.Errorf("%q, %v, %v", s.SystemID(), s.Version(), s.State())
		}
		for _, o := range esmeOps {
			t.Run(o.name, func(t *testing.T) { o.weSend(t, s, p) })
		}
		for _, o := range mcOps {
			t.Run(o.name, func(t *testing.T) { o.theySend(t, st, p) })
		}
		t.Run("enquire_link", func(t *testing.T) {
			if err := s.EnquireLink(t.Context()); err != nil {
				t.Error(err)
			}
			p.Expect(interop.PDU("enquire_link"), interop.Timeout)
			check(t, "enquire_link", p.SendPDU("enquire_link", nil), m{"command": "enquire_link_resp", "command_status": 0})
		})
		t.Run("unbind", func(t *testing.T) {
			if err := s.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			p.Expect(interop.PDU("unbind"), interop.Timeout)
			p.Expect(interop.Event("close"), interop.Timeout)
			if err := s.Err(); !errors.Is(err, smpp.ErrClosed) {
				t.Error(err)
			}
		})
	})
}

func TestTheirClientWithOurServer(t *testing.T) {
	eachWay(t, func(t *testing.T, serverOptions, clientOptions interop.Options) {
		st := newStation()
		p, s := theirs(t, &smpp.Server{Handler: st, Registry: vendorRegistry()}, serverOptions, vendor(longEnough(clientOptions)), nil)
		if b := s.BindRequest(); b.SystemID != "acme" || b.Password != "secret" || b.InterfaceVersion != pdu.V50 || s.Version() != pdu.V50 {
			t.Errorf("%+v, %v", b, s.Version())
		}
		for _, o := range esmeOps {
			t.Run(o.name, func(t *testing.T) { o.theySend(t, st, p) })
		}
		for _, o := range mcOps {
			t.Run(o.name, func(t *testing.T) { o.weSend(t, s, p) })
		}
		t.Run("enquire_link", func(t *testing.T) {
			if err := s.EnquireLink(t.Context()); err != nil {
				t.Error(err)
			}
			check(t, "enquire_link", p.SendPDU("enquire_link", nil), m{"command": "enquire_link_resp", "command_status": 0})
		})
		t.Run("wrong side", func(t *testing.T) {
			check(t, "deliver_sm", p.SendPDU("deliver_sm", nil), m{"command": "deliver_sm_resp", "command_status": pdu.StatusInvalidBindStatus})
			check(t, "bind", p.SendPDU("bind_receiver", nil), m{"command": "bind_receiver_resp", "command_status": pdu.StatusAlreadyBound})
		})
		t.Run("unbind", func(t *testing.T) {
			check(t, "unbind", p.SendPDU("unbind", nil), m{"command": "unbind_resp", "command_status": 0})
			p.Expect(interop.Event("close"), interop.Timeout)
			within(t, "end", s.Done())
			if err := s.Err(); !errors.Is(err, smpp.ErrUnbound) {
				t.Error(err)
			}
		})
	})
}
