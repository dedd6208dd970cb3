package interop_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/internal/interop"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
	"github.com/godwit-sms/smpp/tlv"
)

func bothVersions(t *testing.T, test func(t *testing.T, o interop.Options)) {
	for _, name := range interop.Packages() {
		t.Run(name, func(t *testing.T) { test(t, interop.Options{Package: name}) })
	}
}

var bindModes = []struct {
	mode  smpp.BindMode
	state smpp.State
	// What the other side may be asked.
	submit, deliver bool
}{
	{smpp.Transmitter, smpp.StateBoundTX, true, false},
	{smpp.Receiver, smpp.StateBoundRX, false, true},
	{smpp.Transceiver, smpp.StateBoundTRX, true, true},
}

func TestBinds(t *testing.T) {
	bothVersions(t, func(t *testing.T, o interop.Options) {
		p := interop.StartServer(t, o)
		for _, b := range bindModes {
			t.Run("our "+b.mode.String(), func(t *testing.T) {
				// Its server speaks v3.4, so the session does.
				s := dial(t, p, o, &smpp.Config{Bind: b.mode, Version: pdu.V50, SystemType: "vms", AddressRange: pdu.Address{TON: 1, NPI: 1, Addr: "^4917"},
					BindTLVs: tlv.List{pdu.TLVSourcePort.Option(7)}, Handler: newStation()})
				check(t, "bind", p.Expect(interop.PDU("bind_"+b.mode.String()), interop.Timeout), m{"command_status": 0, "tlvs": m{"source_port": 7},
					"fields": m{"system_id": "acme", "password": "secret", "system_type": "vms", "interface_version": 0x50, "addr_ton": 1, "addr_npi": 1, "address_range": "^4917"}})
				if s.State() != b.state || s.Version() != pdu.V34 || s.SystemID() != "node-smpp" {
					t.Errorf("%v, %v, %q", s.State(), s.Version(), s.SystemID())
				}
				_, err := s.Submit(t.Context(), &pdu.SubmitSM{})
				if (err == nil) != b.submit {
					t.Errorf("submit_sm: %v", err)
				}
				want := pdu.StatusOK
				if !b.deliver {
					want = pdu.StatusInvalidBindStatus
				}
				check(t, "deliver_sm", p.SendPDU("deliver_sm", nil), m{"command_status": want})
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
				p.Expect(interop.Event("close"), interop.Timeout)
			})
		}

		bound := make(chan *smpp.Session, 1)
		port := serve(t, &smpp.Server{Handler: newStation(), Bound: func(s *smpp.Session) { bound <- s }, Version: pdu.V34}, o, nil)
		for _, b := range bindModes {
			t.Run("their "+b.mode.String(), func(t *testing.T) {
				o.Port = port
				p := interop.StartClient(t, o)
				check(t, "bind", p.SendPDU("bind_"+b.mode.String(), m{"system_id": "acme", "password": "secret", "system_type": "vms", "interface_version": 0x34,
					"addr_ton": 1, "addr_npi": 1, "address_range": "^4917", "source_port": 7}),
					m{"command": "bind_" + b.mode.String() + "_resp", "command_status": 0, "tlvs": m{"sc_interface_version": 0x34}})
				s := within(t, "bind", bound)
				want := &pdu.BindTransceiver{Bind: pdu.Bind{SystemID: "acme", Password: "secret", SystemType: "vms", InterfaceVersion: pdu.V34,
					AddressRange: pdu.Address{TON: 1, NPI: 1, Addr: "^4917"}, TLVs: tlv.List{pdu.TLVSourcePort.Option(7)}}}
				same(t, "bind", &pdu.BindTransceiver{Bind: *s.BindRequest()}, want)
				if s.State() != b.state || s.Version() != pdu.V34 || s.SystemID() != "acme" {
					t.Errorf("%v, %v, %q", s.State(), s.Version(), s.SystemID())
				}
				status := pdu.StatusOK
				if !b.submit {
					status = pdu.StatusInvalidBindStatus
				}
				check(t, "submit_sm", p.SendPDU("submit_sm", nil), m{"command_status": status})
				_, err := s.Deliver(t.Context(), &pdu.DeliverSM{})
				if (err == nil) != b.deliver {
					t.Errorf("deliver_sm: %v", err)
				}
				check(t, "unbind", p.SendPDU("unbind", nil), m{"command": "unbind_resp", "command_status": 0})
				p.Expect(interop.Event("close"), interop.Timeout)
			})
		}
	})
}

func TestRefusedBinds(t *testing.T) {
	bothVersions(t, func(t *testing.T, o interop.Options) {
		id, password := "acme", "other"
		server := o
		server.SystemID, server.Password = &id, &password
		p := interop.StartServer(t, server)
		for user, status := range map[string]pdu.Status{"acme": pdu.StatusInvalidPassword, "x": pdu.StatusInvalidSystemID} {
			_, err := smpp.Dial(t.Context(), fmt.Sprintf("smpp://%s:secret@127.0.0.1:%d", user, p.Port), nil)
			if !errors.Is(err, status) || smpp.Outcome(err) != smpp.Refused {
				t.Errorf("%s: %v", user, err)
			}
		}

		o.Port = serve(t, &smpp.Server{Authenticate: func(_ context.Context, b *pdu.Bind) (*smpp.Account, error) {
			if b.SystemID != "acme" {
				return nil, pdu.StatusInvalidSystemID
			}
			if b.Password != "secret" {
				return nil, fmt.Errorf("wrong: %w", pdu.StatusInvalidPassword)
			}
			return &smpp.Account{}, nil
		}}, o, nil)
		client := interop.StartClient(t, o)
		check(t, "before the bind", client.SendPDU("submit_sm", nil), m{"command": "submit_sm_resp", "command_status": pdu.StatusInvalidBindStatus})
		check(t, "unknown", client.SendPDU("bind_receiver", m{"system_id": "x"}), m{"command": "bind_receiver_resp", "command_status": pdu.StatusInvalidSystemID})
	})
}

// A connection that cannot be made is an error in time, and one that tells why.
func TestConnecting(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	address := "smpp://" + l.Addr().String()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := smpp.Dial(ctx, address, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("silent server: %v", err)
	}
	_ = l.Close()
	if _, err := smpp.Dial(t.Context(), address, nil); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("no server: %v", err)
	}
	if _, err := smpp.Dial(t.Context(), "mc.example:2775", nil); err == nil {
		t.Error("an address that is no URL was taken")
	}

	if runtime.GOOS != "linux" {
		return // elsewhere 127.0.0.1 is the only address of the loopback
	}
	p := interop.StartServer(t, interop.Options{Package: interop.Packages()[1]})
	s, err := smpp.Dial(t.Context(), fmt.Sprintf("smpp://acme@127.0.0.1:%d", p.Port), &smpp.Config{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if host, _, _ := net.SplitHostPort(s.LocalAddr().String()); host != "127.0.0.2" {
		t.Errorf("from %s", s.LocalAddr())
	}
}

// Every status gets through, both ways.
func TestStatuses(t *testing.T) {
	bothVersions(t, func(t *testing.T, o interop.Options) {
		st := newStation()
		p, s := ours(t, o, &smpp.Config{Handler: st})
		statuses := append(pdu.Statuses(), 0x400, 0x4FF, 0x7FFFFFFF, 0xFFFFFFFF)
		for _, status := range statuses {
			p.Call(m{"do": "set", "options": m{"answers": m{"submit_sm": m{"command_status": status}}}})
			_, err := s.Submit(t.Context(), &pdu.SubmitSM{})
			var re *smpp.ResponseError
			if status == pdu.StatusOK && err != nil || status != pdu.StatusOK && (!errors.As(err, &re) || re.Status != status) {
				t.Errorf("%v: %v", status, err)
			}
			st.answer(pdu.IDDeliverSM, status, nil)
			check(t, status.String(), p.SendPDU("deliver_sm", nil), m{"command": "deliver_sm_resp", "command_status": status})
			st.next(t, pdu.IDDeliverSM)
		}
	})
}

// standardTLVs are all TLVs of the standard, with values that tell octets and their order apart.
var standardTLVs = []struct {
	option tlv.Option
	value  any // as node-smpp gives and takes it
}{
	{pdu.TLVDestAddrSubunit.Option(1), 1},
	{pdu.TLVDestNetworkType.Option(2), 2},
	{pdu.TLVDestBearerType.Option(3), 3},
	{pdu.TLVDestTelematicsID.Option(pdu.Telematics{ProtocolID: 0x21, Reserved: 0x05}), 0x2105},
	{pdu.TLVSourceAddrSubunit.Option(4), 4},
	{pdu.TLVSourceNetworkType.Option(5), 5},
	{pdu.TLVSourceBearerType.Option(6), 6},
	{pdu.TLVQOSTimeToLive.Option(0xFEDCBA98), int64(0xFEDCBA98)},
	{pdu.TLVPayloadType.Option(1), 1},
	{pdu.TLVAdditionalStatusInfoText.Option("why not"), "why not"},
	{pdu.TLVReceiptedMessageID.Option("00ABc"), "00ABc"},
	{pdu.TLVMSMsgWaitFacilities.Option(0x81), 0x81},
	{pdu.TLVPrivacyIndicator.Option(3), 3},
	{pdu.TLVSourceSubaddress.Option(pdu.Subaddress{Type: pdu.SubaddressUser, Value: pdu.Hex{1, 2}}), m{"hex": "a00102"}},
	{pdu.TLVDestSubaddress.Option(pdu.Subaddress{Type: pdu.SubaddressNSAPOdd, Value: pdu.Hex{3}}), m{"hex": "8803"}},
	{pdu.TLVUserMessageReference.Option(0xFEDC), 0xFEDC},
	{pdu.TLVUserResponseCode.Option(255), 255},
	{pdu.TLVSourcePort.Option(0x1234), 0x1234},
	{pdu.TLVDestPort.Option(0x4321), 0x4321},
	{pdu.TLVSARMsgRefNum.Option(0x8001), 0x8001},
	{pdu.TLVLanguageIndicator.Option(pdu.LanguageGerman), 4},
	{pdu.TLVSARTotalSegments.Option(3), 3},
	{pdu.TLVSARSegmentSeqnum.Option(2), 2},
	{pdu.TLVSCInterfaceVersion.Option(pdu.V50), 0x50},
	{pdu.TLVCallbackNumPresInd.Option(5), []int{5, 9}}, {pdu.TLVCallbackNumPresInd.Option(9), nil},
	{pdu.TLVCallbackNumATag.Option(pdu.CallbackTag{DataCoding: 8, Text: pdu.Hex{4, 0x1f}}), []m{{"encoding": 8, "display": m{"hex": "041f"}}, {"encoding": 1, "display": m{"hex": "78"}}}},
	{pdu.TLVCallbackNumATag.Option(pdu.CallbackTag{DataCoding: 1, Text: pdu.Hex("x")}), nil},
	{pdu.TLVNumberOfMessages.Option(99), 99},
	{pdu.TLVCallbackNum.Option(pdu.CallbackNumber{DigitMode: pdu.DigitsASCII, TON: 1, NPI: 1, Digits: "49301"}),
		[]m{{"digit_mode": 1, "ton": 1, "npi": 1, "number": "49301"}, {"digit_mode": 1, "ton": 2, "npi": 8, "number": "0301"}}},
	{pdu.TLVCallbackNum.Option(pdu.CallbackNumber{DigitMode: pdu.DigitsASCII, TON: 2, NPI: 8, Digits: "0301"}), nil},
	{pdu.TLVDPFResult.Option(1), 1},
	{pdu.TLVSetDPF.Option(1), 1},
	{pdu.TLVMSAvailabilityStatus.Option(pdu.Unavailable), 2},
	{pdu.TLVNetworkErrorCode.Option(pdu.NetworkError{Type: pdu.ErrorGSM, Code: 0x0102}), m{"hex": "030102"}},
	{pdu.TLVMessagePayload.Option([]byte{0, 0xFF}), m{"hex": "00ff"}},
	{pdu.TLVDeliveryFailureReason.Option(3), 3},
	{pdu.TLVMoreMessagesToSend.Option(1), 1},
	{pdu.TLVMessageState.Option(pdu.StateRejected), 8},
	{pdu.TLVCongestionState.Option(80), 80},
	{pdu.TLVUSSDServiceOp.Option(pdu.USSNConfirm), 19},
	{pdu.TLVBroadcastChannelIndicator.Option(1), 1},
	{pdu.TLVBroadcastContentType.Option(pdu.ContentType{Network: 1, Service: 0x0102}), m{"network": 1, "content_type": 0x0102}},
	{pdu.TLVBroadcastContentTypeInfo.Option([]byte("info")), "info"},
	{pdu.TLVBroadcastMessageClass.Option(3), 3},
	{pdu.TLVBroadcastRepNum.Option(0x0201), 0x0201},
	{pdu.TLVBroadcastFrequency.Option(pdu.Frequency{Unit: pdu.EveryHours, Count: 0x0102}), m{"unit": 10, "interval": 0x0102}},
	{pdu.TLVBroadcastAreaIdentifier.Option(pdu.NamedArea("north")), []m{{"format": 0, "data": "north"}, {"format": 1, "data": m{"hex": "0a0b"}}}},
	{pdu.TLVBroadcastAreaIdentifier.Option(pdu.Area{Format: 1, Details: []byte{10, 11}}), nil},
	{pdu.TLVBroadcastErrorStatus.Option(pdu.StatusInvalidBroadcastAliasName), []int{0x108, 1}}, {pdu.TLVBroadcastErrorStatus.Option(1), nil},
	{pdu.TLVBroadcastAreaSuccess.Option(255), 255}, // once: node-smpp does not know that it may be repeated
	{pdu.TLVBroadcastServiceGroup.Option([]byte("all")), "all"},
	{pdu.TLVBillingIdentification.Option(pdu.Billing{Format: 0x80, Data: pdu.Hex{1, 2, 3}}), m{"format": 0x80, "data": m{"hex": "010203"}}},
	{pdu.TLVSourceNetworkID.Option("4912345"), "4912345"},
	{pdu.TLVDestNetworkID.Option("4954321"), "4954321"},
	{pdu.TLVSourceNodeID.Option("123456"), "123456"},
	{pdu.TLVDestNodeID.Option("654321"), "654321"},
	{pdu.TLVDestAddrNPResolution.Option(2), 2},
	{pdu.TLVDestAddrNPInformation.Option("0123456789"), "0123456789"},
	{pdu.TLVDestAddrNPCountry.Option([]byte{1, 2, 3, 4}), 0x01020304}, // 4 octets are all that node-smpp writes (B19)
	{pdu.TLVDisplayTime.Option(2), 2},
	{pdu.TLVSMSSignal.Option(0x0102), 0x0102},
	{pdu.TLVMSValidity.Option(pdu.MSValidity{Behaviour: pdu.ValidRelative, Unit: pdu.ValidityHours, Count: 258}), m{"hex": "04020102"}},
	{pdu.TLVAlertOnMessageDelivery.Option(pdu.AlertHighPriority), 3}, // with a value: node-smpp cannot read it without (B4)
	{pdu.TLVITSReplyType.Option(8), 8},
	{pdu.TLVITSSessionInfo.Option(pdu.ITSSession{Number: 7, Sequence: 5, End: true}), m{"hex": "070b"}},
}

// Left out: source_telematics_id, which node-smpp takes for two octets (B19), and broadcast_end_time, of which it writes no NUL
// and cannot read the offset. TestTLVsThatDiffer has them.
func TestAllTLVs(t *testing.T) {
	var list tlv.List
	values := m{}
	for _, v := range standardTLVs {
		list = append(list, v.option)
		if v.value != nil {
			values[pdu.Standard().TLVName(v.option.Tag)] = v.value
		}
	}
	if n := len(pdu.Standard().TLVs()) - 2; len(values) != n {
		t.Errorf("%d TLVs, the standard has %d", len(values), n)
	}
	body := &pdu.DataSM{DataCoding: pdu.CodingOctets, TLVs: list}
	bothVersions(t, func(t *testing.T, o interop.Options) {
		st := newStation()
		p, s := ours(t, o, &smpp.Config{Handler: st})
		if _, err := s.Data(t.Context(), body); err != nil {
			t.Fatal(err)
		}
		seen := with(values, m{"message_payload": m{"message": values["message_payload"]}})
		event := p.Expect(interop.PDU("data_sm"), interop.Timeout)
		for name, value := range seen {
			check(t, name, event["tlvs"].(map[string]any)[name], canonical(t, value))
		}
		if got := event["tlvs"].(map[string]any); len(got) != len(seen) {
			t.Errorf("node-smpp read %d TLVs, want %d: %v", len(got), len(seen), got)
		}
		p.SendPDU("data_sm", with(values, m{"data_coding": 4}))
		same(t, "we read", st.next(t, pdu.IDDataSM).Body, body)
	})
}

// What node-smpp writes otherwise than the standard has it is read all the same.
func TestTLVsThatDiffer(t *testing.T) {
	bothVersions(t, func(t *testing.T, o interop.Options) {
		st := newStation()
		p, _ := ours(t, o, &smpp.Config{Handler: st})
		p.SendPDU("data_sm", m{"source_telematics_id": 0x21, "broadcast_end_time": m{"date": "2026-01-02T03:04:05.000Z"}, "source_port": 7})
		got := st.next(t, pdu.IDDataSM).Body.(*pdu.DataSM).TLVs
		// B19: two octets. The value is that of the second one.
		if raw, ok := got.Get(pdu.TLVSourceTelematicsID.Tag()); !ok || string(raw) != "\x00\x21" {
			t.Errorf("source_telematics_id % x, %v", raw, ok)
		}
		if v, ok := pdu.TLVBroadcastEndTime.Get(got); !ok || v != "260102030405000+" {
			t.Errorf("broadcast_end_time %q, %v", v, ok)
		}
		if v, ok := pdu.TLVSourcePort.Get(got); !ok || v != 7 {
			t.Errorf("source_port %d, %v", v, ok)
		}
	})
}

// holdAll is a handler that answers once n requests wait, in reverse order.
type holdAll struct {
	n    int
	mu   sync.Mutex
	held []func()
	most int
	ids  map[string]bool
}

func (h *holdAll) ServeSMPP(w smpp.ResponseWriter, in *smpp.Incoming) {
	h.mu.Lock()
	id := strconv.Itoa(len(h.ids))
	var body pdu.Body
	switch b := in.Body.(type) {
	case *pdu.SubmitSM:
		id, body = b.Dest.Addr, &pdu.SubmitSMResp{MessageID: b.Dest.Addr}
	case *pdu.DeliverSM:
		id, body = b.Source.Addr, &pdu.DeliverSMResp{}
	}
	h.ids[id] = true
	h.held = append(h.held, func() { _ = w.Respond(pdu.StatusOK, body) }) // fails only after a failure
	h.most = max(h.most, len(h.held))
	var release []func()
	if len(h.held) == h.n {
		release, h.held = h.held, nil
	}
	h.mu.Unlock()
	for i := range release {
		release[len(release)-1-i]()
	}
}

// Thousands of requests in flight at once, answered in reverse order, in all four directions.
func TestInFlight(t *testing.T) {
	const count, inFlight = 3000, 1500
	// fromUs sends count requests of ours and checks their answers.
	fromUs := func(t *testing.T, s *smpp.Session, p *interop.Proc, send func(n int, done func(id string, err error)) error) {
		var (
			wg   sync.WaitGroup
			mu   sync.Mutex
			ids  = make(map[string]bool)
			most int
		)
		wg.Add(count)
		for n := range count {
			if err := send(n, func(id string, err error) {
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				ids[id] = true
				mu.Unlock()
				wg.Done()
			}); err != nil {
				t.Fatal(err)
			}
			most = max(most, s.Outstanding())
		}
		answered := make(chan struct{})
		go func() { wg.Wait(); close(answered) }()
		within(t, "answers", answered)
		if most != inFlight || s.Outstanding() != 0 {
			t.Errorf("%d in flight at most, want %d; %d left", most, inFlight, s.Outstanding())
		}
		if _, empty := ids[""]; !empty && len(ids) != count {
			t.Errorf("%d message ids", len(ids))
		}
		for range count / inFlight {
			check(t, "released", p.Expect(interop.Event("released"), interop.Timeout), m{"count": inFlight})
		}
	}
	fromThem := func(t *testing.T, h *holdAll, p *interop.Proc, command string, pdu m) {
		check(t, "flood", p.Call(m{"do": "flood", "command": command, "count": count, "window": inFlight, "pdu": pdu}),
			m{"sent": count, "answered": count, "most_in_flight": inFlight, "statuses": m{command + "_resp 0": count}})
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.most != inFlight || len(h.ids) != count {
			t.Errorf("%d in flight at most, %d messages", h.most, len(h.ids))
		}
	}
	held := func() *holdAll { return &holdAll{n: inFlight, ids: make(map[string]bool)} }
	eachWay(t, func(t *testing.T, serverOptions, clientOptions interop.Options) {
		for _, o := range []*interop.Options{&serverOptions, &clientOptions} {
			o.Hold = map[string]int{"submit_sm": inFlight, "deliver_sm": inFlight}
			o.Reverse = true
			o.Quiet = []string{"submit_sm", "deliver_sm"}
		}
		t.Run("our client", func(t *testing.T) {
			h := held()
			p, s := ours(t, serverOptions, &smpp.Config{Handler: h, Window: inFlight, InboundWindow: inFlight})
			fromUs(t, s, p, func(n int, done func(string, error)) error {
				return smpp.Go(t.Context(), s, &pdu.SubmitSM{Dest: pdu.International(strconv.Itoa(n))}, func(r *pdu.SubmitSMResp, err error) {
					if r == nil {
						r = new(pdu.SubmitSMResp)
					}
					done(r.MessageID, err)
				})
			})
			fromThem(t, h, p, "deliver_sm", m{"source_addr": "{n}"})
		})
		t.Run("our server", func(t *testing.T) {
			h := held()
			p, s := theirs(t, &smpp.Server{Handler: h, Window: inFlight}, serverOptions, clientOptions, nil)
			fromThem(t, h, p, "submit_sm", m{"destination_addr": "{n}"})
			fromUs(t, s, p, func(n int, done func(string, error)) error {
				return smpp.Go(t.Context(), s, &pdu.DeliverSM{Source: pdu.International(strconv.Itoa(n))}, func(_ *pdu.DeliverSMResp, err error) { done("", err) })
			})
		})
	})
}

// Every octet is a write of its own, on both sides, and we read octet by octet, too.
func TestOctetByOctet(t *testing.T) {
	bothVersions(t, func(t *testing.T, o interop.Options) {
		o.Split = 1
		o = vendor(o)
		one := func(conn net.Conn) net.Conn { return chopped{smpptest.Trickle(conn)} }
		t.Run("our client", func(t *testing.T) {
			o.InterfaceVersion = 0x50
			p := interop.StartServer(t, o)
			st := newStation()
			conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p.Port))
			if err != nil {
				t.Fatal(err)
			}
			s, err := smpp.Bind(t.Context(), one(conn), &smpp.Config{Version: pdu.V50, Handler: st, Registry: vendorRegistry(), Logger: silent})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for _, i := range []int{0, 2, 6, 14} {
				t.Run(esmeOps[i].name, func(t *testing.T) { esmeOps[i].weSend(t, s, p) })
			}
			t.Run(mcOps[0].name, func(t *testing.T) { mcOps[0].theySend(t, st, p) })
		})
		t.Run("our server", func(t *testing.T) {
			st := newStation()
			p, s := theirs(t, &smpp.Server{Handler: st, Registry: vendorRegistry()}, interop.Options{}, o, one)
			for _, i := range []int{0, 2, 6, 14} {
				t.Run(esmeOps[i].name, func(t *testing.T) { esmeOps[i].theySend(t, st, p) })
			}
			t.Run(mcOps[0].name, func(t *testing.T) { mcOps[0].weSend(t, s, p) })
			check(t, "flood", p.Call(m{"do": "flood", "command": "enquire_link", "count": 50}), m{"statuses": m{"enquire_link_resp 0": 50}})
		})
	})
}

func TestUnknownCommandsAndTLVs(t *testing.T) {
	bothVersions(t, func(t *testing.T, o interop.Options) {
		st := newStation()
		p, s := ours(t, o, &smpp.Config{Handler: st})

		// To node-smpp.
		unknown := &pdu.Unknown{ID: 0x00010299, Raw: []byte("\x00what\x00")}
		_, err := s.RoundTrip(t.Context(), unknown)
		var re *smpp.ResponseError
		if !errors.As(err, &re) || !re.Nack || re.Status != pdu.StatusInvalidCommandID || re.Command != 0x00010299 {
			t.Errorf("%v", err)
		}
		check(t, "unknown", p.Expect(interop.PDU("unknown"), interop.Timeout), m{"command_id": 0x00010299})
		list := tlv.List{{Tag: 0x1501, Value: []byte("\xbe\xef")}, {Tag: 0x1502}, {Tag: 0x3FFF, Value: []byte{1}}, {Tag: 0x1501, Value: []byte("\xca\xfe")}}
		if _, err := s.Submit(t.Context(), &pdu.SubmitSM{ShortMessage: []byte("x"), TLVs: list}); err != nil {
			t.Error(err)
		}
		// node-smpp keeps the last of several (N38).
		check(t, "unknown TLVs", p.Expect(interop.PDU("submit_sm"), interop.Timeout), m{"fields": m{"short_message": m{"message": "x"}},
			"tlvs": m{"5377": m{"hex": "cafe"}, "5378": m{"hex": ""}, "16383": m{"hex": "01"}}})

		// From node-smpp, which cannot write what it does not know (B20).
		p.Call(m{"do": "raw", "hex": "0000001200010299000000000000002a6869"})
		check(t, "generic_nack", p.Expect(interop.PDU("generic_nack"), interop.Timeout), m{"command_status": 3, "sequence_number": 42})
		frame, err := pdu.Append(nil, pdu.Header{Sequence: 43}, &pdu.DeliverSM{ShortMessage: []byte("x"), TLVs: list})
		if err != nil {
			t.Fatal(err)
		}
		p.Call(m{"do": "raw", "hex": fmt.Sprintf("%x", frame)})
		same(t, "unknown TLVs", st.next(t, pdu.IDDeliverSM).Body, &pdu.DeliverSM{ShortMessage: []byte("x"), TLVs: list})
		check(t, "deliver_sm_resp", p.Expect(interop.PDU("deliver_sm_resp"), interop.Timeout), m{"command_status": 0, "sequence_number": 43})

		// Responses that answer nothing, and a nack of nothing, disturb nobody.
		p.SendPDU("generic_nack", m{"command_status": 8, "sequence_number": 99})
		p.Call(m{"do": "send", "command": "submit_sm_resp", "pdu": m{"message_id": "9", "sequence_number": 98}})
		check(t, "enquire_link", p.SendPDU("enquire_link", nil), m{"command": "enquire_link_resp"})
		if _, err := s.Submit(t.Context(), &pdu.SubmitSM{}); err != nil {
			t.Error(err)
		}

		// A nack in place of a response.
		p.Call(m{"do": "set", "options": m{"answers": m{"submit_sm": m{"silent": true}}}})
		failed := make(chan error, 1)
		if err := smpp.Go(t.Context(), s, &pdu.SubmitSM{}, func(_ *pdu.SubmitSMResp, err error) { failed <- err }); err != nil {
			t.Fatal(err)
		}
		p.Expect(interop.PDU("submit_sm"), interop.Timeout)
		event := p.Expect(interop.PDU("submit_sm"), interop.Timeout)
		p.SendPDU("generic_nack", m{"command_status": 2, "sequence_number": event["sequence_number"]})
		if err := within(t, "nack", failed); !errors.As(err, &re) || !re.Nack || re.Status != pdu.StatusInvalidCommandLength {
			t.Error(err)
		}
	})
}

// Outbind, as far as there is more to it than the PDU: either side sends it on a connection that the other has made.
func TestOutbind(t *testing.T) {
	bothVersions(t, func(t *testing.T, o interop.Options) {
		t.Run("to node-smpp", func(t *testing.T) {
			bound := make(chan *smpp.Session, 1)
			open := make(chan *smpp.Session, 1)
			srv := &smpp.Server{Handler: newStation(), Bound: func(s *smpp.Session) { bound <- s }}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			defer srv.Close()
			go func() {
				if conn, err := l.Accept(); err == nil {
					open <- srv.ServeConn(conn)
				}
			}()
			o.Port = l.Addr().(*net.TCPAddr).Port
			p := interop.StartClient(t, o)
			s := within(t, "connection", open)
			if err := s.Send(t.Context(), &pdu.Outbind{SystemID: "mc", Password: "pw"}); err != nil {
				t.Fatal(err)
			}
			check(t, "outbind", p.Expect(interop.PDU("outbind"), interop.Timeout), m{"fields": m{"system_id": "mc", "password": "pw"}})
			check(t, "bind", p.SendPDU("bind_receiver", m{"system_id": "acme"}), m{"command_status": 0})
			if within(t, "bind", bound) != s {
				t.Error("another session")
			}
			if _, err := s.Deliver(t.Context(), &pdu.DeliverSM{}); err != nil {
				t.Error(err)
			}
		})
		t.Run("from node-smpp", func(t *testing.T) {
			p := interop.StartServer(t, o)
			conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p.Port))
			if err != nil {
				t.Fatal(err)
			}
			p.Expect(interop.Event("session"), interop.Timeout)
			p.SendPDU("outbind", m{"system_id": "mc", "password": "pw"})
			st := newStation()
			s, err := smpp.Bind(t.Context(), conn, &smpp.Config{Bind: smpp.Receiver, Handler: st, Logger: silent})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			same(t, "outbind", st.next(t, pdu.IDOutbind).Body, &pdu.Outbind{SystemID: "mc", Password: "pw"})
			p.SendPDU("deliver_sm", nil)
			st.next(t, pdu.IDDeliverSM)
		})
	})
}

// B31: nobody talks to a server whose certificate is not to be trusted.
func TestB31CertificatesAreVerified(t *testing.T) {
	cert, key := interop.Certificate(t)
	other, _ := interop.Certificate(t)
	bothVersions(t, func(t *testing.T, o interop.Options) {
		withTLS := o
		withTLS.TLS = &interop.TLS{Cert: string(cert), Key: string(key)}
		p := interop.StartServer(t, withTLS)
		address := fmt.Sprintf("ssmpp://acme:secret@localhost:%d", p.Port)
		for name, roots := range map[string][]byte{"the system's": nil, "another": other} {
			var c smpp.Config
			if roots != nil {
				pool := x509.NewCertPool()
				pool.AppendCertsFromPEM(roots)
				c.TLSConfig = &tls.Config{RootCAs: pool}
			}
			_, err := smpp.Dial(t.Context(), address, &c)
			var unknown x509.UnknownAuthorityError
			if !errors.As(err, &unknown) || smpp.Outcome(err) == smpp.Accepted {
				t.Errorf("authorities %s: %v", name, err)
			}
		}
		if events := p.Events(); hasPDU(events) {
			t.Errorf("node-smpp was sent something: %v", events)
		}

		o.Port = serve(t, &smpp.Server{}, withTLS, nil)
		o.TLS = &interop.TLS{CA: string(other), ServerName: "localhost"}
		client := interop.StartClientUnconnected(t, o)
		client.Expect(interop.Event("error"), interop.Timeout)
	})
}

func hasPDU(events []map[string]any) bool {
	for _, e := range events {
		if e["event"] == "pdu" {
			return true
		}
	}
	return false
}

// B28, B39: sessions in numbers, each with an identity of its own.
func TestManySessions(t *testing.T) {
	o := interop.Options{Package: interop.Packages()[1]}
	p := interop.StartServer(t, o)
	const n = 100
	var wg sync.WaitGroup
	var accepted atomic.Int32
	for i := range n {
		wg.Go(func() {
			s, err := smpp.Dial(t.Context(), fmt.Sprintf("smpp://127.0.0.1:%d", p.Port), &smpp.Config{SystemID: "s" + strconv.Itoa(i)})
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if _, err := s.Submit(t.Context(), &pdu.SubmitSM{Dest: mobile}); err != nil {
				t.Error(err)
				return
			}
			accepted.Add(1)
		})
	}
	wg.Wait()
	if accepted.Load() != n {
		t.Errorf("%d of %d", accepted.Load(), n)
	}
}
