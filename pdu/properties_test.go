package pdu_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// random returns a source of random values whose seed is printed when the test fails.
func random(tb testing.TB) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("seed %d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}

func filled(tb testing.TB, rnd *rand.Rand, reg *pdu.Registry, id pdu.CommandID) pdu.Body {
	tb.Helper()
	body, ok := reg.New(id)
	if !ok {
		tb.Fatalf("no command %v", id)
	}
	reg.Fill(rnd, body)
	return body
}

func everyCommand(t *testing.T, run func(*testing.T, pdu.CommandID)) {
	for _, id := range pdu.Standard().Commands() {
		t.Run(id.String(), func(t *testing.T) { run(t, id) })
	}
}

func TestRandomBodiesBothWays(t *testing.T) {
	rounds := 2000
	if raceEnabled || testing.Short() {
		rounds = 200
	}
	everyCommand(t, func(t *testing.T, id pdu.CommandID) {
		rnd := random(t)
		c := pdu.NewCodec(nil, 0)
		lengths := map[int]bool{}
		for range rounds {
			body := filled(t, rnd, pdu.Standard(), id)
			h := pdu.Header{Command: id, Status: 0, Sequence: rnd.Uint32()}
			octets, err := c.Append(nil, h, body)
			if err != nil {
				t.Fatalf("%+v: %v", body, err)
			}
			gotH, got, err := c.Decode(octets)
			if err != nil {
				t.Fatalf("% X: %v", octets, err)
			}
			if gotH != h || !same(got, body) {
				t.Fatalf("\n%+v became\n%+v", body, got)
			}
			again, err := c.Append(nil, h, got)
			if err != nil || !bytes.Equal(again, octets) {
				t.Fatalf("% X became % X, %v", octets, again, err)
			}
			lengths[len(octets)] = true
		}
		if len(lengths) < 2 {
			t.Error("every body has the same length: nothing is random here")
		}
	})
}

// A body that was encoded to a v3.3 or v3.4 peer, where that is allowed, is read back the same.
func TestRandomBodiesForOlderPeers(t *testing.T) {
	everyCommand(t, func(t *testing.T, id pdu.CommandID) {
		rnd := random(t)
		for range 200 {
			body := filled(t, rnd, pdu.Standard(), id)
			for _, v := range []pdu.Version{pdu.V33, pdu.V34} {
				c := pdu.NewCodec(nil, v)
				octets, err := c.Append(nil, pdu.Header{Sequence: 1}, body)
				if err != nil {
					var e *pdu.EncodeError
					if !errors.As(err, &e) || e.Field == "" || e.Reason == "" || e.Status == 0 || len(octets) != 0 {
						t.Fatalf("%#v", err)
					}
					continue
				}
				if v == pdu.V33 { // which has no TLVs
					body = clone(body)
					setTLVs(t, body, nil)
				} else if f := reflect.ValueOf(body).Elem().FieldByName("TLVs"); f.IsValid() && f.Interface().(tlv.List).Has(pdu.TLVCongestionState.Tag()) {
					body = clone(body) // a congestion_state is for v5.0
					l := f.Interface().(tlv.List).Clone()
					pdu.TLVCongestionState.Delete(&l)
					setTLVs(t, body, l)
				}
				reporting := pdu.NewCodec(nil, v)
				reporting.SetStrictness(pdu.ReportOnly)
				if _, got, err := reporting.Decode(octets); err != nil || got != nil && !same(got, body) {
					t.Fatalf("v%v: %+v became %+v, %v", v, body, got, err)
				}
			}
		}
	})
}

// clone calls Clone for the type of body.
func clone(body pdu.Body) pdu.Body {
	switch b := body.(type) {
	case *pdu.GenericNack:
		return pdu.Clone(b)
	case *pdu.BindReceiver:
		return pdu.Clone(b)
	case *pdu.BindReceiverResp:
		return pdu.Clone(b)
	case *pdu.BindTransmitter:
		return pdu.Clone(b)
	case *pdu.BindTransmitterResp:
		return pdu.Clone(b)
	case *pdu.BindTransceiver:
		return pdu.Clone(b)
	case *pdu.BindTransceiverResp:
		return pdu.Clone(b)
	case *pdu.Outbind:
		return pdu.Clone(b)
	case *pdu.Unbind:
		return pdu.Clone(b)
	case *pdu.UnbindResp:
		return pdu.Clone(b)
	case *pdu.EnquireLink:
		return pdu.Clone(b)
	case *pdu.EnquireLinkResp:
		return pdu.Clone(b)
	case *pdu.AlertNotification:
		return pdu.Clone(b)
	case *pdu.SubmitSM:
		return pdu.Clone(b)
	case *pdu.SubmitSMResp:
		return pdu.Clone(b)
	case *pdu.SubmitMulti:
		return pdu.Clone(b)
	case *pdu.SubmitMultiResp:
		return pdu.Clone(b)
	case *pdu.DeliverSM:
		return pdu.Clone(b)
	case *pdu.DeliverSMResp:
		return pdu.Clone(b)
	case *pdu.DataSM:
		return pdu.Clone(b)
	case *pdu.DataSMResp:
		return pdu.Clone(b)
	case *pdu.QuerySM:
		return pdu.Clone(b)
	case *pdu.QuerySMResp:
		return pdu.Clone(b)
	case *pdu.CancelSM:
		return pdu.Clone(b)
	case *pdu.CancelSMResp:
		return pdu.Clone(b)
	case *pdu.ReplaceSM:
		return pdu.Clone(b)
	case *pdu.ReplaceSMResp:
		return pdu.Clone(b)
	case *pdu.BroadcastSM:
		return pdu.Clone(b)
	case *pdu.BroadcastSMResp:
		return pdu.Clone(b)
	case *pdu.QueryBroadcastSM:
		return pdu.Clone(b)
	case *pdu.QueryBroadcastSMResp:
		return pdu.Clone(b)
	case *pdu.CancelBroadcastSM:
		return pdu.Clone(b)
	case *pdu.CancelBroadcastSMResp:
		return pdu.Clone(b)
	case *pdu.Unknown:
		return pdu.Clone(b)
	}
	return nil
}

// memory calls visit for the memory behind every string and slice of v.
func memory(v reflect.Value, visit func(kind reflect.Kind, at unsafe.Pointer, length, capacity int)) {
	switch v.Kind() {
	case reflect.String:
		if s := v.String(); s != "" {
			visit(v.Kind(), unsafe.Pointer(unsafe.StringData(s)), len(s), len(s))
		}
	case reflect.Slice:
		if v.Len() > 0 {
			visit(v.Kind(), v.UnsafePointer(), v.Len()*int(v.Type().Elem().Size()), v.Cap()*int(v.Type().Elem().Size()))
		}
		for i := range v.Len() {
			memory(v.Index(i), visit)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			memory(v.Field(i), visit)
		}
	}
}

func within(p unsafe.Pointer, n int, b []byte) bool {
	start := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	return uintptr(p) >= start && uintptr(p)+uintptr(n) <= start+uintptr(cap(b))
}

func TestCloneSharesNoMemory(t *testing.T) {
	everyCommand(t, func(t *testing.T, id pdu.CommandID) {
		rnd := random(t)
		for range 100 {
			body := filled(t, rnd, pdu.Standard(), id)
			octets := frame(t, pdu.Header{Sequence: 1}, body)
			_, got := decode(t, octets)
			if got == nil {
				continue
			}
			c := clone(got)
			theirs := map[unsafe.Pointer]bool{}
			memory(reflect.ValueOf(got).Elem(), func(_ reflect.Kind, p unsafe.Pointer, _, _ int) { theirs[p] = true })
			memory(reflect.ValueOf(c).Elem(), func(_ reflect.Kind, p unsafe.Pointer, n, _ int) {
				if theirs[p] || within(p, n, octets) {
					t.Fatalf("%+v shares memory with its clone", got)
				}
			})
			for i := range octets {
				octets[i] = 0xEE
			}
			if !same(c, body) {
				t.Fatalf("the clone of %+v changed to %+v", body, c)
			}
		}
	})
	t.Run("unknown", func(t *testing.T) {
		raw := []byte("abc")
		c := pdu.Clone(&pdu.Unknown{ID: 0x55, Raw: raw})
		raw[0] = 'X'
		if c.ID != 0x55 || string(c.Raw) != "abc" {
			t.Errorf("%+v", c)
		}
	})
	t.Run("nil", func(t *testing.T) {
		if c := pdu.Clone[pdu.SubmitSM](nil); c != nil {
			t.Errorf("%+v", c)
		}
	})
}

// What is decoded aliases its frame and nothing else, and appending to any of it
// leaves the frame alone.
func TestDecodedBodiesAliasTheirFrame(t *testing.T) {
	everyCommand(t, func(t *testing.T, id pdu.CommandID) {
		rnd := random(t)
		for range 100 {
			octets := frame(t, pdu.Header{Sequence: 1}, filled(t, rnd, pdu.Standard(), id))
			read := append(append([]byte("before"), octets...), "after"...)
			frame := read[6 : len(read)-5]
			_, got := decode(t, frame)
			if got == nil {
				continue
			}
			before := bytes.Clone(read)
			memory(reflect.ValueOf(got).Elem(), func(kind reflect.Kind, p unsafe.Pointer, n, capacity int) {
				if !within(p, n, read) {
					return // a list
				}
				if capacity != n || !within(p, n, frame[:len(frame):len(frame)]) {
					t.Fatalf("a %v of %d octets has room for %d", kind, n, capacity)
				}
			})
			appendToAll(reflect.ValueOf(got).Elem())
			if !bytes.Equal(read, before) {
				t.Fatal("appending to a field wrote to the frame")
			}
		}
	})
}

// appendToAll appends an octet to every []byte below v.
func appendToAll(v reflect.Value) {
	switch {
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			appendToAll(v.Field(i))
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		_ = append(v.Bytes(), 0xEE)
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			appendToAll(v.Index(i))
		}
	}
}

// One body may be encoded by many at once; the race detector watches.
func TestEncodingDoesNotWrite(t *testing.T) {
	everyCommand(t, func(t *testing.T, id pdu.CommandID) {
		rnd := random(t)
		for range 10 {
			body := filled(t, rnd, pdu.Standard(), id)
			if m, ok := body.(*pdu.SubmitMulti); ok { // flags that are worked out
				m.Dests = append(m.Dests, pdu.Destination{List: "staff"}, pdu.Destination{Address: pdu.ShortCode("1")})
			}
			before := clone(body)
			want := frame(t, pdu.Header{Sequence: 1}, body)
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					for _, v := range []pdu.Version{pdu.V50, pdu.V34, pdu.V33} {
						got, err := pdu.NewCodec(nil, v).Append(nil, pdu.Header{Sequence: 1}, body)
						if v == pdu.V50 && (err != nil || !bytes.Equal(got, want)) {
							t.Errorf("% X, %v, want % X", got, err, want)
						}
					}
					if i%2 == 0 {
						pdu.Standard().AppendJSON(nil, want, nil)
					} else {
						pdu.Standard().AppendDump(nil, want)
					}
				})
			}
			wg.Wait()
			if !same(before, body) {
				t.Fatalf("%+v became %+v", before, body)
			}
		}
	})
}

// What a frame announces takes no memory; what it holds takes a multiple of it at most.
func TestMemoryGrowsWithTheFrame(t *testing.T) {
	manyTLVs := frame(t, pdu.Header{}, new(pdu.UnbindResp))
	for len(manyTLVs) < pdu.DefaultMaxLen-4 {
		manyTLVs = append(manyTLVs, 0x15, 0, 0, 0)
	}
	announced := splice(frame(t, pdu.Header{}, &pdu.SubmitMulti{Dests: make([]pdu.Destination, 1)}), 20, 1, "\xFF")
	for _, tt := range []struct {
		name  string
		frame []byte
	}{
		{"as many TLVs as fit", resize(manyTLVs)},
		{"255 destinations announced", announced},
		{"255 destinations announced, with room", resize(append(announced, make([]byte, 300)...))},
		{"a TLV of 65535 octets announced", append(resizeBy(frame(t, pdu.Header{}, new(pdu.UnbindResp)), 4), 4, 0x24, 0xFF, 0xFF)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := pdu.NewCodec(nil, 0)
			const rounds = 20
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range rounds {
				_, _, _ = c.Decode(tt.frame)
			}
			runtime.ReadMemStats(&after)
			took := int(after.TotalAlloc-before.TotalAlloc) / rounds
			if limit := 16*len(tt.frame) + 20000; took > limit {
				t.Errorf("%d octets took %d octets of memory, at most %d are right", len(tt.frame), took, limit)
			}
		})
	}
}

// A codec that uses its bodies again gives what one that does not gives, whatever
// it gave before.
func TestReuse(t *testing.T) {
	full := &pdu.SubmitSM{
		ServiceType: "WAP", Source: pdu.ShortCode("8080"), Dest: pdu.International("491701234567"), ESMClass: 3, ProtocolID: 1, PriorityFlag: 2,
		ScheduleDeliveryTime: "240301123000000+", ValidityPeriod: "000002000000000R", RegisteredDelivery: 1, ReplaceIfPresent: 1, DataCoding: 8,
		DefaultMessageID: 7, ShortMessage: []byte("hello"), TLVs: tlv.List{pdu.TLVUserMessageReference.Option(7)},
	}
	delivery := &pdu.DeliverSM{
		ServiceType: "WAP", Source: full.Source, Dest: full.Dest, ESMClass: 4, ProtocolID: 1, PriorityFlag: 2, RegisteredDelivery: 1, DataCoding: 8,
		ShortMessage: []byte("hello"), TLVs: full.TLVs,
	}
	reusing, plain := pdu.NewCodec(nil, 0), pdu.NewCodec(nil, 0)
	reusing.SetReuse(true)
	same := map[pdu.CommandID]pdu.Body{}
	for i, body := range []pdu.Body{
		full, &pdu.SubmitSM{}, full, delivery, &pdu.DeliverSM{}, delivery,
		&pdu.SubmitSMResp{MessageID: "1", TLVs: full.TLVs}, &pdu.SubmitSMResp{}, &pdu.DeliverSMResp{MessageID: "1"}, &pdu.DeliverSMResp{},
		&pdu.DataSM{Dest: full.Dest, TLVs: full.TLVs}, &pdu.DataSM{}, &pdu.QuerySM{MessageID: "1"}, &pdu.EnquireLink{},
	} {
		frame, err := plain.Append(nil, pdu.Header{Sequence: 1}, body)
		if err != nil {
			t.Fatal(i, err)
		}
		_, want, err := plain.Decode(frame)
		if err != nil {
			t.Fatal(i, err)
		}
		_, got, err := reusing.Decode(frame)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%d: %v, %v; want %v", i, got, err, want)
		}
		switch got.(type) {
		case *pdu.SubmitSM, *pdu.SubmitSMResp, *pdu.DeliverSM, *pdu.DeliverSMResp:
			if before := same[got.Command()]; before != nil && before != got {
				t.Errorf("%d: another %T", i, got)
			}
			same[got.Command()] = got
			if raceEnabled {
				continue
			}
			most := 0.0
			if bytes.Contains(frame, []byte{0x02, 0x04, 0, 2}) { // user_message_reference: the list of TLVs
				most = 1
			}
			if n := testing.AllocsPerRun(100, func() { _, _, err = reusing.Decode(frame) }); n > most || err != nil {
				t.Errorf("%d: %v allocations, %v", i, n, err)
			}
		}
	}
	reusing.SetReuse(false)
	frame, _ := plain.Append(nil, pdu.Header{Sequence: 1}, full)
	if _, got, err := reusing.Decode(frame); err != nil || got == same[pdu.IDSubmitSM] {
		t.Error("the body was used again", err)
	}
}

func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	withTLVs := benchMessage()
	pdu.TLVUserMessageReference.Set(&withTLVs.TLVs, 1)
	pdu.TLVNetworkErrorCode.Set(&withTLVs.TLVs, pdu.NetworkError{Type: pdu.ErrorGSM, Code: 34})
	pdu.TLVBillingIdentification.Set(&withTLVs.TLVs, pdu.Billing{Format: 0x80, Data: pdu.Hex("x")})
	multi := &pdu.SubmitMulti{Dests: pdu.To(pdu.International("1"), pdu.International("2"), pdu.International("3")), ShortMessage: []byte("x")}
	multi.Dests = append(multi.Dests, pdu.Destination{List: "staff"})
	for _, tt := range []struct {
		name           string
		body           pdu.Body
		encode, decode float64
	}{
		{"submit_sm", benchMessage(), 0, 2},
		{"submit_sm with times", &pdu.SubmitSM{ScheduleDeliveryTime: "240301123000000+", ValidityPeriod: "000002000000000R"}, 0, 2},
		{"submit_sm with TLVs", withTLVs, 0, 3},
		{"submit_sm_resp", &pdu.SubmitSMResp{MessageID: "3f2a77"}, 0, 2},
		{"deliver_sm", &pdu.DeliverSM{ShortMessage: []byte("x")}, 0, 2},
		{"data_sm with TLVs", &pdu.DataSM{TLVs: tlv.List{pdu.TLVMessagePayload.Option([]byte("x"))}}, 0, 3},
		{"submit_multi", multi, 0, 3},
		{"submit_multi_resp", &pdu.SubmitMultiResp{Failed: make([]pdu.Unsuccessful, 3)}, 0, 3},
		{"enquire_link", new(pdu.EnquireLink), 0, 2},
	} {
		for _, v := range []pdu.Version{pdu.V50, pdu.V34} {
			c := pdu.NewCodec(nil, v)
			buf, err := c.Append(make([]byte, 0, 1024), pdu.Header{Sequence: 1}, tt.body)
			if err != nil {
				t.Fatal(err)
			}
			if n := testing.AllocsPerRun(200, func() { buf, err = c.Append(buf[:0], pdu.Header{Sequence: 2}, tt.body) }); n > tt.encode || err != nil {
				t.Errorf("%s: encoding for v%v takes %v allocations, %v", tt.name, v, n, err)
			}
			n := testing.AllocsPerRun(200, func() {
				frame := append([]byte(nil), buf...)
				_, _, err = c.Decode(frame)
			})
			if n > tt.decode || err != nil {
				t.Errorf("%s: copying and decoding takes %v allocations, %v; want %v", tt.name, n, err, tt.decode)
			}
		}
	}
}
