package pdu_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// plain returns a body that every version that has the command can carry.
func plain(tb testing.TB, id pdu.CommandID) pdu.Body {
	tb.Helper()
	body, ok := pdu.Standard().New(id)
	if !ok {
		tb.Fatalf("no command %v", id)
	}
	switch b := body.(type) {
	case *pdu.SubmitMulti:
		b.Dests = pdu.To(pdu.International("1"))
	case *pdu.QuerySMResp:
		b.State = pdu.StateDelivered
	case *pdu.BroadcastSM:
		pdu.TLVBroadcastAreaIdentifier.Add(&b.TLVs, pdu.NamedArea("Cork"))
		pdu.TLVBroadcastContentType.Set(&b.TLVs, pdu.ContentType{})
		pdu.TLVBroadcastFrequency.Set(&b.TLVs, pdu.Frequency{})
		pdu.TLVBroadcastRepNum.Set(&b.TLVs, 1)
	case *pdu.QueryBroadcastSMResp:
		pdu.TLVMessageState.Set(&b.TLVs, pdu.StateDelivered)
		pdu.TLVBroadcastAreaIdentifier.Add(&b.TLVs, pdu.NamedArea("Cork"))
		pdu.TLVBroadcastAreaSuccess.Add(&b.TLVs, 100)
	}
	return body
}

// extremes returns the value with which a field keeps an older version's limit
// and the one with which it breaks it.
func (o *specOverride) extremes(f *specField) (fits, breaks any, ok bool) {
	number := func(n int) any { return float64(n) }
	text := func(n int) any { return strings.Repeat("1", n) }
	switch {
	case f.LengthOf != "" || f.Name == "short_message":
		number = func(n int) any { return map[string]any{"hex": strings.Repeat("00", n)} }
	case f.CountOf != "":
		number = func(n int) any { return make([]any, n) }
	}
	switch {
	case o.Range != nil && o.Range[1] < 255:
		return number(o.Range[1]), number(o.Range[1] + 1), true
	case o.Max > 0 && f.Type == "octets":
		return number(o.Max), number(o.Max + 1), true
	case o.Max > 0:
		return text(o.Max - 1), text(o.Max), true
	case len(o.Sizes) == 1:
		return "", "240301123000000+", true
	case o.Note == "absolute only":
		return "240301123000000+", "000001000000000R", true
	case o.Note == "receipt value 3 reserved":
		return number(0x1E), number(0x1F), true
	}
	return nil, nil, false
}

// destinations turns the empty elements of extremes into destinations.
func destinations(value any) any {
	if l, ok := value.([]any); ok {
		for i := range l {
			l[i] = map[string]any{"dest_flag": 1.0, "destination_addr": "1"}
		}
	}
	return value
}

// What an older version does not have is refused for a peer of that version,
// with the name of the field, and sent to one of v5.0.
func TestVersionsOfFields(t *testing.T) {
	checked := 0
	for _, c := range readSpec(t).Commands {
		if c.Until != "" {
			continue
		}
		for _, f := range c.Fields {
			for at, o := range f.Versions {
				fits, breaks, ok := o.extremes(&f)
				if !ok {
					continue // wider than in v5.0, or not a matter of one field
				}
				target := f.Name
				reported := f.Name
				switch {
				case f.LengthOf != "":
					target, reported = f.LengthOf, f.LengthOf
				case f.CountOf != "":
					target = f.CountOf
				}
				for _, v := range []pdu.Version{pdu.V33, pdu.V34} {
					_, own := f.Versions["3.3"]
					if v > version(t, at) || v < version(t, c.Since) || v == pdu.V33 && own && at == "3.4" {
						continue // v3.3 has a limit of its own
					}
					checked++
					t.Run(fmt.Sprintf("%s/%s/%v", c.Name, f.Name, v), func(t *testing.T) {
						body := plain(t, c.ID)
						setField(t, body, target, destinations(breaks))
						buf, err := pdu.NewCodec(nil, v).Append([]byte("kept"), pdu.Header{Sequence: 1}, body)
						var e *pdu.EncodeError
						if !errors.As(err, &e) || string(buf) != "kept" {
							t.Fatalf("%d octets, %v", len(buf), err)
						}
						if e.Field != reported || e.Command != c.ID || e.Value == "" || e.Reason == "" || f.Status != "" && e.Status.String() != f.Status {
							t.Errorf("%+v, want field %s and status %s", e, reported, f.Status)
						}
						if _, err := pdu.NewCodec(nil, pdu.V50).Append(nil, pdu.Header{Sequence: 1}, body); err != nil {
							t.Errorf("refused for v5.0: %v", err)
						}
						if _, err := pdu.Append(nil, pdu.Header{Sequence: 1}, body); err != nil {
							t.Errorf("refused by Append: %v", err)
						}
						if v == version(t, at) {
							setField(t, body, target, destinations(fits))
							if _, err := pdu.NewCodec(nil, v).Append(nil, pdu.Header{Sequence: 1}, body); err != nil {
								t.Errorf("what fits is refused: %v", err)
							}
						}
					})
				}
			}
		}
	}
	if checked < 45 {
		t.Errorf("%d limits were checked", checked)
	}
}

func TestVersionsOfMessageStates(t *testing.T) {
	for state := range pdu.MessageState(12) {
		for v, last := range map[pdu.Version]pdu.MessageState{pdu.V33: 7, pdu.V34: 8} {
			fits := state >= 1 && state <= last
			_, err := pdu.NewCodec(nil, v).Append(nil, pdu.Header{}, &pdu.QuerySMResp{State: state})
			var e *pdu.EncodeError
			if errors.As(err, &e) == fits || !fits && e.Field != "message_state" {
				t.Errorf("state %v for v%v: %v", state, v, err)
			}
		}
		if _, err := pdu.NewCodec(nil, pdu.V50).Append(nil, pdu.Header{}, &pdu.QuerySMResp{State: state}); err != nil {
			t.Error(err)
		}
	}
}

func TestVersionsOfCommands(t *testing.T) {
	for _, c := range readSpec(t).Commands {
		if c.Until != "" {
			continue
		}
		for _, v := range []pdu.Version{pdu.V33, pdu.V34, pdu.V50} {
			codec := pdu.NewCodec(nil, 0)
			codec.SetVersion(v)
			body := plain(t, c.ID)
			if v == pdu.V33 && reflect.ValueOf(body).Elem().FieldByName("TLVs").Len() > 0 {
				continue
			}
			_, err := codec.Append(nil, pdu.Header{}, body)
			var e *pdu.EncodeError
			if v >= version(t, c.Since) || c.Kind == "response" {
				if err != nil {
					t.Errorf("%s for v%v: %v", c.Name, v, err)
				}
			} else if !errors.As(err, &e) || e.Field != "command_id" || e.Status != pdu.StatusInvalidCommandID {
				t.Errorf("%s of v%s for v%v: %v", c.Name, c.Since, v, err)
			}
		}
	}
	for v, want := range map[pdu.Version]pdu.Version{0: pdu.V33, 0x33: pdu.V33, 0x40: pdu.V34, 0x99: pdu.V50} {
		c := pdu.NewCodec(nil, 0)
		if c.Version() != pdu.V50 {
			t.Errorf("a new codec is for v%v", c.Version())
		}
		if c.SetVersion(v); c.Version() != want {
			t.Errorf("version 0x%02X makes v%v", uint8(v), c.Version())
		}
	}
}

func TestVersionsOfTLVs(t *testing.T) {
	for _, tt := range []struct {
		name   string
		option tlv.Option
		field  string // refused for v3.4
	}{
		{"relative ms_validity", pdu.TLVMSValidity.Option(pdu.MSValidity{Behaviour: pdu.ValidRelative, Count: 1}), "ms_validity"},
		{"ms_validity of one octet", pdu.TLVMSValidity.Option(pdu.MSValidity{Behaviour: pdu.ValidDisplayOnly}), ""},
		{"alert with a value", pdu.TLVAlertOnMessageDelivery.Option(pdu.AlertHighPriority), "alert_on_message_delivery"},
		{"alert without one", pdu.TLVAlertOnMessageDelivery.Option(pdu.AlertDefault), ""},
		{"network error of a new type", pdu.TLVNetworkErrorCode.Option(pdu.NetworkError{Type: pdu.ErrorANSI136Cause}), "network_error_code"},
		{"network error of an old type", pdu.TLVNetworkErrorCode.Option(pdu.NetworkError{Type: pdu.ErrorGSM}), ""},
		{"scheduled", pdu.TLVMessageState.Option(pdu.StateScheduled), "message_state"},
		{"skipped", pdu.TLVMessageState.Option(pdu.StateSkipped), "message_state"},
		{"rejected", pdu.TLVMessageState.Option(pdu.StateRejected), ""},
		{"a TLV that v5.0 added", pdu.TLVBroadcastRepNum.Option(5), ""},
		{"a vendor's TLV", tlv.Option{Tag: 0x1400}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := &pdu.DataSM{TLVs: tlv.List{pdu.TLVUserMessageReference.Option(1), tt.option}}
			c := pdu.NewCodec(nil, pdu.V34)
			b, err := c.Append(nil, pdu.Header{}, m)
			var e *pdu.EncodeError
			if tt.field == "" {
				if err != nil || c.Dropped() != 0 || !strings.Contains(string(b), string([]byte{byte(tt.option.Tag >> 8), byte(tt.option.Tag)})) {
					t.Errorf("for v3.4: %d dropped, %v", c.Dropped(), err)
				}
			} else if !errors.As(err, &e) || e.Field != tt.field || e.Status != pdu.StatusInvalidTLVValue {
				t.Errorf("for v3.4: %v", err)
			}
			if _, err := pdu.Append(nil, pdu.Header{}, m); err != nil {
				t.Errorf("for v5.0: %v", err)
			}
		})
	}
}

// A congestion_state is not for peers before v5.0; the body keeps it.
func TestCongestionStateForV34(t *testing.T) {
	m := &pdu.SubmitSMResp{MessageID: "1", TLVs: tlv.List{pdu.TLVCongestionState.Option(50), pdu.TLVAdditionalStatusInfoText.Option("fine")}}
	for v, want := range map[pdu.Version]int{pdu.V33: 0, pdu.V34: 1, pdu.V50: 2} {
		c := pdu.NewCodec(nil, v)
		b, err := c.Append(nil, pdu.Header{Sequence: 1}, m)
		if err != nil {
			t.Fatal(err)
		}
		_, body, err := pdu.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		got := body.(*pdu.SubmitSMResp).TLVs
		if len(got) != want || got.Has(pdu.TLVCongestionState.Tag()) != (v == pdu.V50) || c.Dropped() != 2-want {
			t.Errorf("v%v: %v, %d dropped", v, got, c.Dropped())
		}
		if len(m.TLVs) != 2 {
			t.Errorf("v%v: the body was changed: %v", v, m.TLVs)
		}
	}
}

// A peer of v3.3 has no TLVs: what informs is dropped and counted, what says
// something else without it is refused.
func TestTLVsForV33(t *testing.T) {
	content := map[string]tlv.Option{
		"message_payload":    pdu.TLVMessagePayload.Option([]byte("text")),
		"sar_msg_ref_num":    pdu.TLVSARMsgRefNum.Option(1),
		"sar_total_segments": pdu.TLVSARTotalSegments.Option(2),
		"sar_segment_seqnum": pdu.TLVSARSegmentSeqnum.Option(1),
		"source_port":        pdu.TLVSourcePort.Option(1),
		"dest_port":          pdu.TLVDestPort.Option(1),
	}
	withoutTLVs := pdu.NewCodec(nil, pdu.V34)
	withoutTLVs.SetWithoutTLVs(true)
	for kind, c := range map[string]*pdu.Codec{"v3.3": pdu.NewCodec(nil, pdu.V33), "v3.4 without TLVs": withoutTLVs} {
		bare := frame(t, pdu.Header{Sequence: 1}, new(pdu.SubmitSM))
		for _, d := range pdu.Standard().TLVs() {
			t.Run(kind+"/"+d.Name, func(t *testing.T) {
				o, refused := content[d.Name]
				if !refused {
					o = tlv.Option{Tag: d.Tag, Value: make([]byte, d.Min)}
				}
				m := &pdu.SubmitSM{TLVs: tlv.List{{Tag: 0x1400}, o}}
				b, err := c.Append(nil, pdu.Header{Sequence: 1}, m)
				if !refused {
					if err != nil || string(b) != string(bare) || c.Dropped() != 2 {
						t.Errorf("%d octets, %d dropped, %v", len(b), c.Dropped(), err)
					}
					return
				}
				var e *pdu.EncodeError
				if !errors.As(err, &e) || e.Field != d.Name || e.Status != pdu.StatusTLVNotAllowed {
					t.Errorf("%d octets, %v", len(b), err)
				}
			})
		}
		if _, err := c.Append(nil, pdu.Header{}, &pdu.SubmitSM{TLVs: tlv.List{{Tag: 0x1400}}}); err != nil || c.Dropped() != 1 {
			t.Errorf("%d dropped, %v", c.Dropped(), err)
		}
		if _, err := c.Append(nil, pdu.Header{Command: pdu.IDSubmitSMResp}, nil); err != nil || c.Dropped() != 0 {
			t.Errorf("%d dropped from no body, %v", c.Dropped(), err)
		}
	}
	withoutTLVs.SetWithoutTLVs(false)
	if _, err := withoutTLVs.Append(nil, pdu.Header{}, &pdu.SubmitSM{TLVs: tlv.List{content["dest_port"]}}); err != nil {
		t.Error(err)
	}
}

func TestRequiredTLVs(t *testing.T) {
	for _, c := range readSpec(t).Commands {
		for _, name := range c.RequiredTLVs {
			t.Run(c.Name+"/"+name, func(t *testing.T) {
				body := plain(t, c.ID)
				full := frame(t, pdu.Header{Sequence: 1}, body)
				f := reflect.ValueOf(body).Elem().FieldByName("TLVs")
				list := f.Interface().(tlv.List)
				for _, d := range pdu.Standard().TLVs() {
					if d.Name == name {
						list.Delete(d.Tag)
					}
				}
				f.Set(reflect.ValueOf(list))
				var e *pdu.EncodeError
				if _, err := pdu.Append(nil, pdu.Header{}, body); !errors.As(err, &e) || e.Field != name || e.Status != pdu.StatusMissingTLV {
					t.Errorf("encoding: %v", err)
				}
				without, err := list.Append(full[:len(full)-wireLen(plainTLVs(t, c.ID))])
				if err != nil {
					t.Fatal(err)
				}
				without = resize(without)
				var d *pdu.DecodeError
				if _, _, err := pdu.Decode(without); !errors.As(err, &d) || d.Field != name || d.Status != pdu.StatusMissingTLV || d.Offset != len(without) {
					t.Errorf("decoding: %v", err)
				}
				reporting := pdu.NewCodec(nil, 0)
				reporting.SetStrictness(pdu.ReportOnly)
				if _, got, err := reporting.Decode(without); err != nil || got == nil {
					t.Errorf("report only: %v", err)
				}
			})
		}
	}
	t.Run("an immediate broadcast is not repeated", func(t *testing.T) {
		b := plain(t, pdu.IDBroadcastSM).(*pdu.BroadcastSM)
		b.PriorityFlag = 1
		pdu.TLVBroadcastRepNum.Delete(&b.TLVs)
		decode(t, frame(t, pdu.Header{Sequence: 1}, b))
	})
	t.Run("a query that failed has no state", func(t *testing.T) {
		decode(t, frame(t, pdu.Header{Status: pdu.StatusBroadcastQueryFailed}, new(pdu.QueryBroadcastSMResp)))
	})
}

func plainTLVs(t *testing.T, id pdu.CommandID) tlv.List {
	return reflect.ValueOf(plain(t, id)).Elem().FieldByName("TLVs").Interface().(tlv.List)
}

func wireLen(l tlv.List) int {
	n := 0
	for _, o := range l {
		n += 4 + len(o.Value)
	}
	return n
}

func TestStrictness(t *testing.T) {
	submit := frame(t, pdu.Header{Sequence: 1}, &pdu.SubmitSM{ShortMessage: []byte("Hi")})
	both := &pdu.SubmitSM{ShortMessage: []byte("Hi")}
	pdu.TLVMessagePayload.Set(&both.TLVs, []byte("Ho"))
	add := func(s string) []byte { return append(resizeBy(submit, len(s)), s...) }
	const fine = pdu.StatusOK
	for _, tt := range []struct {
		name                        string
		frame                       []byte
		lenient, strict, reportOnly pdu.Status
	}{
		{"exact", submit, fine, fine, fine},
		{"one NUL", add("\x00"), fine, pdu.StatusInvalidTLVStream, fine},
		{"three NULs", add("\x00\x00\x00"), fine, pdu.StatusInvalidTLVStream, fine},
		{"four NULs are a TLV", add("\x00\x00\x00\x00"), fine, fine, fine},
		{"one octet", add("\x01"), pdu.StatusInvalidTLVStream, pdu.StatusInvalidTLVStream, pdu.StatusInvalidTLVStream},
		{"two octets", add("\x00\x01"), pdu.StatusInvalidTLVStream, pdu.StatusInvalidTLVStream, pdu.StatusInvalidTLVStream},
		{"source_telematics_id of 2 octets", add("\x00\x10\x00\x02\x40\x00"), fine, pdu.StatusInvalidTLVLength, fine},
		{"source_telematics_id of 3 octets", add("\x00\x10\x00\x03\x40\x00\x00"), pdu.StatusInvalidTLVLength, pdu.StatusInvalidTLVLength, fine},
		{"a TLV of wrong length", add("\x02\x04\x00\x01\x00"), pdu.StatusInvalidTLVLength, pdu.StatusInvalidTLVLength, fine},
		{"a TLV of one octet twice", add("\x00\x19\x00\x01\x00\x00\x19\x00\x01\x01"), fine, fine, fine},
		{"short_message and message_payload", frame(t, pdu.Header{Sequence: 1}, both), fine, pdu.StatusInvalidMessageLength, fine},
		{"padding after a bare response", resizeBy(append(frame(t, pdu.Header{}, new(pdu.UnbindResp)), 0), 0), fine, pdu.StatusInvalidTLVStream, fine},
		{"padding after an empty response", resizeBy(append(frame(t, pdu.Header{}, new(pdu.SubmitSMResp)), 0, 0), 0), fine, pdu.StatusInvalidTLVStream, fine},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for s, want := range map[pdu.Strictness]pdu.Status{pdu.Lenient: tt.lenient, pdu.Strict: tt.strict, pdu.ReportOnly: tt.reportOnly} {
				c := pdu.NewCodec(nil, 0)
				c.SetStrictness(s)
				_, body, err := c.Decode(tt.frame)
				got := fine
				if err != nil {
					got = pdu.StatusOf(err)
				}
				if got != want || (body == nil) != (err != nil) {
					t.Errorf("strictness %d: %v, want %v", s, err, want)
				}
			}
		})
	}
}
