package interop_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/godwit-sms/smpp/internal/interop"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// A sample is a PDU for Wireshark.
type sample struct {
	name  string
	frame []byte
	body  pdu.Body
}

// dissect has Wireshark read the samples and compares what Wireshark shows with what is in them. Of those named in excused, and of no others,
// Wireshark may make nothing.
func dissect(t *testing.T, samples []sample, excused map[string]string) {
	t.Helper()
	frames := make([][]byte, len(samples))
	for i, s := range samples {
		frames[i] = s.frame
	}
	for i, d := range interop.Dissect(t, frames, 2775) {
		s := samples[i]
		if reason, ok := excused[s.name]; ok {
			if d.Malformed == "" {
				t.Errorf("%s: Wireshark reads it, although %s", s.name, reason)
			}
			continue
		}
		if d.Malformed != "" {
			t.Errorf("%s: %s\n%s\n%s", s.name, d.Malformed, pdu.Standard().AppendDump(nil, s.frame), d.Text)
			continue
		}
		for field, want := range wanted(s) {
			var got []string
			for _, f := range d.Fields[field] {
				if octets, err := hex.DecodeString(f.Hex); texts[field] != "" && err == nil {
					got = append(got, strings.TrimSuffix(string(octets), "\x00"))
				} else {
					got = append(got, f.Show)
				}
			}
			if texts[field] != "" { // what is empty may not be shown as such
				empty := func(s string) bool { return s == "" }
				got, want = slices.DeleteFunc(got, empty), slices.DeleteFunc(want, empty)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %s: Wireshark shows %q, want %q\n%s", s.name, field, got, want, d.Text)
			}
		}
	}
}

// texts are Wireshark's fields that hold a text, and ours.
var texts = map[string]string{"smpp.message_id": "MessageID", "smpp.system_id": "SystemID", "smpp.password": "Password",
	"smpp.system_type": "SystemType", "smpp.source_addr": "Source", "smpp.destination_addr": "Dest"}

// wanted returns what Wireshark has to show of some fields.
func wanted(s sample) map[string][]string {
	h, n, _ := pdu.ParseHeader(s.frame)
	hex := func(n uint32) []string { return []string{fmt.Sprintf("0x%08x", n)} }
	w := map[string][]string{
		"smpp.command_id":      hex(uint32(h.Command)),
		"smpp.command_length":  {strconv.Itoa(int(n))},
		"smpp.sequence_number": {strconv.Itoa(int(h.Sequence))},
	}
	if h.Command.IsResponse() {
		w["smpp.command_status"] = hex(uint32(h.Status))
	}
	if s.body == nil || h.Status != pdu.StatusOK {
		return w
	}
	v := reflect.ValueOf(s.body).Elem()
	if f := v.FieldByName("TLVs"); f.IsValid() && !tlvsNotShown(h.Command) {
		for _, o := range f.Interface().(tlv.List) {
			w["smpp.opt_param_tag"] = append(w["smpp.opt_param_tag"], fmt.Sprintf("0x%04x", uint16(o.Tag)))
			w["smpp.opt_param_len"] = append(w["smpp.opt_param_len"], strconv.Itoa(len(o.Value)))
		}
	}
	for field, name := range texts {
		if f := v.FieldByName(name); !f.IsValid() {
			continue
		} else if a, ok := f.Interface().(pdu.Address); ok {
			w[field] = []string{a.Addr}
		} else {
			w[field] = []string{f.String()}
		}
	}
	if f := v.FieldByName("ShortMessage"); f.IsValid() {
		w["smpp.sm_length"] = []string{strconv.Itoa(f.Len())}
	}
	return w
}

// tlvsNotShown reports whether Wireshark shows no TLVs of a command: one that had none before v5.0.
func tlvsNotShown(id pdu.CommandID) bool {
	switch id {
	case pdu.IDBindTransmitter, pdu.IDBindReceiver, pdu.IDBindTransceiver, pdu.IDOutbind, pdu.IDQuerySM, pdu.IDQuerySMResp, pdu.IDCancelSM:
		return true
	}
	return len(pdu.Standard().Describe(id)) == 0
}

func TestWiresharkReadsVectors(t *testing.T) {
	text, err := os.ReadFile("../../testdata/vectors/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Valid []struct{ Name, Hex string }
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	var samples []sample
	for _, v := range file.Valid {
		frame, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatal(err)
		}
		h, body, err := pdu.Decode(frame)
		if err != nil {
			t.Fatal(err)
		}
		if h.Status != pdu.StatusOK {
			body = nil // Wireshark does not look at it
		}
		samples = append(samples, sample{v.Name, frame, body})
	}
	dissect(t, samples, map[string]string{
		"broadcast":                              "broadcast_rep_num has two octets",
		"structured TLVs":                        "ms_validity has the form of v5.0",
		"source_telematics_id of 2 octets":       "it should have one",
		"broadcast state, end time of 16 octets": "its NUL is missing",
		"submission accepted without a body":     "it should have one",
		"data_sm accepted without a body":        "it should have one",
		"3.4: bind accepted without a body":      "it should have one",
		"3.4: delivery accepted without a body":  "it should have one",
		"3.3 only: query_last_msgs":              "Wireshark does not know the command",
		"3.3 only: param_retrieve answered":      "Wireshark does not know the command",
		"vendor request":                         "Wireshark does not know the command",
		"vendor response without a body":         "Wireshark does not know the command",
	})
}

// plausible changes the random values that Wireshark stumbles over: strings are of printable ASCII, so that it shows them as they
// are, times are times, the bit that announces a user data header is off, since a random header makes no sense, broadcast_rep_num is
// left out and ms_validity has the form of v3.4.
func plausible(rnd *rand.Rand, body pdu.Body) {
	printable := func(s string) string {
		return strings.Map(func(rune) rune { return '!' + rnd.Int32N('~'-'!'+1) }, strings.Repeat("x", len(s)))
	}
	at := func(s string) string {
		switch len(s) {
		case 0:
			return ""
		case 12:
			return "260102030405"
		}
		return []string{"260102030405607+", "991231235959948-", "000107010203000R"}[rnd.IntN(3)]
	}
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Struct:
			for _, f := range v.Fields() {
				walk(f)
			}
		case reflect.Slice:
			if v.Type() != reflect.TypeFor[tlv.List]() && v.Type().Elem().Kind() != reflect.Uint8 {
				for i := range v.Len() {
					walk(v.Index(i))
				}
			}
		case reflect.String:
			if v.Type() == reflect.TypeFor[pdu.Time]() {
				v.SetString(at(v.String()))
			} else {
				v.SetString(printable(v.String()))
			}
		}
		switch v.Type() {
		case reflect.TypeFor[pdu.ESMClass]():
			v.SetUint(v.Uint() &^ uint64(pdu.UDHI))
		case reflect.TypeFor[tlv.List]():
			l := v.Addr().Interface().(*tlv.List)
			pdu.TLVBroadcastRepNum.Delete(l)
			for i, o := range *l {
				d := pdu.Standard().TLV(o.Tag)
				switch {
				case o.Tag == pdu.TLVBroadcastEndTime.Tag():
					(*l)[i].Value = []byte(at("0123456789abcdef") + "\x00")
				case o.Tag == pdu.TLVMSValidity.Tag():
					(*l)[i].Value = []byte{byte(rnd.UintN(4))} // the form of v3.4
				case d != nil && d.Kind == "cstring" && len(o.Value) > 0:
					(*l)[i].Value = []byte(printable(string(o.Value[:len(o.Value)-1])) + "\x00")
				case d != nil && d.Kind == "digits":
					(*l)[i].Value = []byte(printable(string(o.Value)))
				}
			}
		}
	}
	walk(reflect.ValueOf(body).Elem())
	if b, ok := body.(*pdu.BroadcastSM); ok {
		b.PriorityFlag = 1 // with which it may go without repetitions
	}
}

func TestWiresharkReadsRandomPDUs(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	reg := pdu.Standard()
	var samples []sample
	for _, id := range reg.Commands() {
		for i := range 20 {
			body, _ := reg.New(id)
			reg.Fill(rnd, body)
			plausible(rnd, body)
			frame, err := pdu.Append(nil, pdu.Header{Command: id, Sequence: 1 + rnd.Uint32N(1<<31-1)}, body)
			if err != nil {
				t.Fatalf("%v: %v", id, err)
			}
			samples = append(samples, sample{fmt.Sprintf("%v %d", id, i), frame, body})
		}
	}
	dissect(t, samples, nil)
}
