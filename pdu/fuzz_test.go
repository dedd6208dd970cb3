package pdu_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/godwit-sms/smpp/pdu"
)

// addVectors makes every vector a seed.
func addVectors(f *testing.F, add func(frame []byte)) {
	v := readVectors(f)
	for _, e := range v.Valid {
		add(e.Hex)
	}
	for _, e := range v.Invalid {
		add(e.Hex)
	}
}

// withTrueLength returns the frame with a command_length that fits, so that
// fuzzing gets past it.
func withTrueLength(frame []byte) []byte {
	if len(frame) < pdu.HeaderLen {
		return frame
	}
	return resize(frame)
}

func FuzzDecode(f *testing.F) {
	addVectors(f, func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, frame := range [][]byte{data, withTrueLength(data)} {
			before := bytes.Clone(frame)
			for _, s := range []pdu.Strictness{pdu.Lenient, pdu.Strict, pdu.ReportOnly} {
				c := pdu.NewCodec(nil, 0)
				c.SetStrictness(s)
				h, body, err := c.Decode(frame)
				if err != nil {
					checkRefusal(t, h, body, err, frame)
					continue
				}
				octets, err := c.Append(nil, h, body)
				if err != nil {
					var e *pdu.EncodeError
					if s == pdu.ReportOnly && errors.As(err, &e) && e.Status == pdu.StatusMissingTLV {
						continue
					}
					t.Fatalf("% X decodes to %+v, which does not encode: %v", frame, body, err)
				}
				if s == pdu.Strict && !bytes.Equal(octets, frame) {
					t.Fatalf("% X becomes % X", frame, octets)
				}
				h2, again, err := c.Decode(octets)
				if err != nil || h2 != h || !same(again, body) {
					t.Fatalf("% X: %+v becomes %+v, %v", frame, body, again, err)
				}
				for _, v := range []pdu.Version{pdu.V34, pdu.V33} {
					c.SetVersion(v)
					if _, err := c.Append(nil, h, body); err != nil {
						var e *pdu.EncodeError
						if !errors.As(err, &e) || e.Field == "" || e.Status == 0 {
							t.Fatalf("%#v", err)
						}
					}
				}
			}
			if !bytes.Equal(before, frame) {
				t.Fatal("the frame was written to")
			}
		}
	})
}

func checkRefusal(t *testing.T, h pdu.Header, body pdu.Body, err error, frame []byte) {
	t.Helper()
	if body != nil {
		t.Fatalf("%+v beside %v", body, err)
	}
	var e *pdu.FrameError
	if errors.As(err, &e) {
		if len(frame) >= pdu.HeaderLen {
			t.Fatalf("% X: %v", frame, err)
		}
		return
	}
	checkDecodeError(t, err, h, frame)
}

func FuzzSplit(f *testing.F) {
	var stream []byte
	addVectors(f, func(b []byte) {
		f.Add(b, uint64(1), uint16(0))
		if len(b) < 200 && len(b) > 15 {
			stream = append(stream, withTrueLength(b)...)
		}
	})
	f.Add(stream, uint64(2), uint16(0))
	f.Add(stream[:len(stream)-5], uint64(3), uint16(400))
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64, limit uint16) {
		whole, wholeErr := cutAll(t, [][]byte{stream}, int(limit))
		rnd := rand.New(rand.NewPCG(seed, 1))
		var chunks [][]byte
		for rest := stream; len(rest) > 0; {
			n := 1 + rnd.IntN(min(len(rest), 1+rnd.IntN(40)))
			chunks = append(chunks, rest[:n])
			rest = rest[n:]
		}
		parts, partsErr := cutAll(t, chunks, int(limit))
		if len(whole) != len(parts) || (wholeErr == nil) != (partsErr == nil) || wholeErr != nil && *wholeErr != *partsErr {
			t.Fatalf("%d frames and %v as a whole, %d and %v in %d chunks", len(whole), wholeErr, len(parts), partsErr, len(chunks))
		}
		for i := range whole {
			if !bytes.Equal(whole[i], parts[i]) {
				t.Fatalf("frame %d is % X in chunks, % X as a whole", i, parts[i], whole[i])
			}
		}
		if all := bytes.Join(whole, nil); !bytes.HasPrefix(stream, all) {
			t.Fatal("the frames are not what came in")
		}
	})
}

// cutAll reads frames from a stream that comes in chunks, until an error.
func cutAll(t *testing.T, chunks [][]byte, limit int) (frames [][]byte, frameErr *pdu.FrameError) {
	t.Helper()
	var buf []byte
	for _, chunk := range chunks {
		buf = append(buf, chunk...)
		for {
			frame, rest, err := pdu.Split(buf, limit)
			if err != nil {
				if !errors.As(err, &frameErr) || len(frame) > 0 || len(rest) != len(buf) {
					t.Fatalf("%v", err)
				}
				return frames, frameErr
			}
			if len(frame) == 0 {
				if len(rest) != len(buf) {
					t.Fatalf("%d of %d octets are left", len(rest), len(buf))
				}
				break
			}
			if cap(frame) != len(frame) || limit > 0 && len(frame) > limit || len(frame)+len(rest) != len(buf) {
				t.Fatalf("%d octets, room for %d, limit %d", len(frame), cap(frame), limit)
			}
			frames = append(frames, bytes.Clone(frame))
			buf = rest
		}
	}
	return frames, nil
}

func FuzzJSON(f *testing.F) {
	addVectors(f, func(b []byte) {
		f.Add(b)
		f.Add(pdu.Standard().AppendJSON(nil, b, nil))
	})
	f.Add([]byte(`{"command":"submit_multi","body":{"dest_address":[{"dl_name":"staff"},{"dest_flag":1}]},"tlvs":[{"name":"dest_port","value":"0b84"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		reg := pdu.Standard()
		checkJSON(t, reg, data)
		checkJSON(t, reg, withTrueLength(data))
		frame, err := reg.ParseJSON(data)
		if err != nil {
			var j *pdu.JSONError
			var e *pdu.EncodeError
			if len(frame) > 0 || !errors.As(err, &j) && !errors.As(err, &e) {
				t.Fatalf("%d octets, %#v", len(frame), err)
			}
			return
		}
		checkJSON(t, reg, frame)
	})
}

func FuzzDump(f *testing.F) {
	addVectors(f, func(b []byte) { f.Add(b, "sys", uint8(255)) })
	f.Fuzz(func(t *testing.T, data []byte, systemID string, cut uint8) {
		reg := pdu.Standard()
		for _, frame := range [][]byte{data, withTrueLength(data)} {
			text := reg.AppendDump(nil, frame)
			d := readDump(t, text)
			if id, _, err := pdu.ParseHeader(frame); err == nil {
				switch id.Command {
				case pdu.IDBindReceiver, pdu.IDBindTransmitter, pdu.IDBindTransceiver, pdu.IDOutbind:
					continue // not all is shown
				}
			}
			if !bytes.Equal(d.octets, frame) {
				t.Fatalf("% X:\n%s", frame, text)
			}
		}
		if strings.Contains(systemID, "\x00") || showsSecret([]byte(systemID)) || showsSecret(data) {
			return // then it stands in another field
		}
		// The password stands where it belongs, whatever is around it.
		bind := append(make([]byte, pdu.HeaderLen), systemID...)
		bind = append(append(append(bind, 0), secret...), 0)
		bind = append(bind, data...)
		for _, id := range []byte{1, 2, 9, 11} {
			bind[7] = id
			for _, frame := range [][]byte{bind, resize(bind), resize(bind[:min(len(bind), 16+int(cut))])} {
				text := reg.AppendDump(nil, frame)
				readDump(t, text)
				if showsSecret(text) {
					t.Fatalf("% X:\n%s", frame, text)
				}
			}
		}
	})
}
