package main_test

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	smpp "github.com/godwit-sms/smpp/center/cmd/smpp"
	"github.com/godwit-sms/smpp/pdu"
)

var update = flag.Bool("update", false, "write the golden files")

const link = "00000010000000150000000000000001" // an enquire_link

func encodePDU(t testing.TB, seq uint32, b pdu.Body) []byte {
	t.Helper()
	frame, err := pdu.Append(nil, pdu.Header{Sequence: seq}, b)
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

func submit(t testing.TB, seq uint32, text string) []byte {
	return encodePDU(t, seq, &pdu.SubmitSM{Source: pdu.Alphanumeric("ACME"), Dest: pdu.International("491701234567"), ShortMessage: []byte(text)})
}

func TestDecodeDump(t *testing.T) {
	isolate(t)
	m := &pdu.SubmitSM{
		Source:             pdu.Alphanumeric("ACME"),
		Dest:               pdu.International("491701234567"),
		RegisteredDelivery: pdu.FinalReceipt,
		DataCoding:         8,
		ShortMessage:       []byte{0x20, 0xAC, 0, '5', 0xD8, 0x3D, 0xDE, 0x00},
	}
	pdu.TLVUserMessageReference.Set(&m.TLVs, 0x1234)
	octets := encodePDU(t, 1, &pdu.BindTransceiver{Bind: pdu.Bind{SystemID: "acme", Password: "hush", InterfaceVersion: pdu.V50}})
	octets = append(octets, encodePDU(t, 2, m)...)
	multipart := &pdu.DeliverSM{ESMClass: pdu.UDHI, ShortMessage: []byte("\x05\x00\x03\x07\x02\x01\x02 costs \x1be5")}
	octets = append(octets, encodePDU(t, 3, multipart)...)
	bad := encodePDU(t, 4, &pdu.QuerySM{MessageID: "1"})
	octets = append(octets, append(bad, 1, 2, 3, 4)...) // after the last field
	octets[len(octets)-len(bad)-1] += 4
	octets = append(octets, "\x00\x00\x00\x11\x00\x01\x02\x03\x00\x00\x00\x00\x00\x00\x00\x05!\x00\x00\x00\x0c\x00\x00"...)
	status, stdout, stderr := call(t, smpp.Run, string(octets), "decode")
	if status != 0 || stderr != "smpp decode: 4 well-formed PDUs, 1 malformed PDU, 6 octets that are no PDU\n" {
		t.Errorf("exit status %d, %s", status, stderr)
	}
	if strings.Contains(stdout, "hush") || strings.Contains(stdout, hex.EncodeToString([]byte("hush"))) || strings.Contains(stdout, "68 75 73 68") {
		t.Error("the password is shown")
	}
	golden(t, "dump.golden", stdout)
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		write(t, path, got)
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != strings.ReplaceAll(string(want), "\r\n", "\n") {
		t.Errorf("%s:\n%swant:\n%s", path, got, want)
	}
}

// jsonLines returns the objects that decode --json prints for an input.
func jsonLines(t testing.TB, stdout string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(stdout) {
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, o)
	}
	return all
}

func TestDecodeForms(t *testing.T) {
	isolate(t)
	dir := t.TempDir()
	raw, _ := hex.DecodeString(link)
	wrapped := submit(t, 7, strings.Repeat("a long text ", 10))
	var dump strings.Builder
	for row := wrapped; len(row) > 0; row = row[min(16, len(row)):] {
		fmt.Fprintf(&dump, "% x\n", row[:min(16, len(row))])
	}
	truncated := hex.EncodeToString(wrapped[:40])
	vendor := "00000012000102030000000000000009abcd"
	var z bytes.Buffer
	zw := gzip.NewWriter(&z)
	must(t)(zw.Write(raw))
	must(t)(0, zw.Close())
	for _, tc := range []struct {
		name  string
		args  []string
		stdin string
		want  string // the command, or error, of each
	}{
		{"argument", []string{link}, "", "enquire_link"},
		{"arguments in pieces", []string{"00000010", "00000015", "00000000", "00000001"}, "", "enquire_link"},
		{"octets as arguments", strings.Fields("00 00 00 10 00 00 00 15 00 00 00 00 00 00 00 01"), "", "enquire_link"},
		{"two arguments", []string{link, link}, "", "enquire_link enquire_link"},
		{"standard input", nil, link + "\n", "enquire_link"},
		{"standard input by name", []string{"-"}, link, "enquire_link"},
		{"two in a line", nil, link + link, "enquire_link enquire_link"},
		{"upper case", nil, strings.ToUpper(link), "enquire_link"},
		{"colons", nil, "00:00:00:10:00:00:00:15:00:00:00:00:00:00:00:01\r\n", "enquire_link"},
		{"0x", nil, "0x00000010, 0x00000015, 0x0, 0x0"[:22] + ", 0X00000000, 0x00, 0x00, 0x00, 0x01", "enquire_link"},
		{"backslash x", nil, `\x00\x00\x00\x10\x00\x00\x00\x15\x00\x00\x00\x00\x00\x00\x00\x01`, "enquire_link"},
		{"byte order mark", nil, "\uFEFF" + link, "enquire_link"},
		{"wrapped lines", nil, dump.String() + link, "submit_sm enquire_link"},
		{"blank lines", nil, "\n\n" + link + "\n\n\n" + link + "\n", "enquire_link enquire_link"},
		{"truncated line before another", nil, truncated + "\n" + link + "\n", "error enquire_link"},
		{"truncated line before a vendor's", nil, truncated + "\n" + vendor + "\n", "error unknown"},
		{"short line before another", nil, "00000010\n" + link + "\n", "error enquire_link"},
		{"impossible length", nil, "0000000f" + link[8:] + "\n" + link + "\n", "error enquire_link"},
		{"impossible length in octets", nil, string(append([]byte("\x00\x00\x00\x01rest"), raw...)), "error enquire_link"},
		{"raw octets", nil, string(raw) + string(raw), "enquire_link enquire_link"},
		{"file", []string{write(t, filepath.Join(dir, "pdu.hex"), link)}, "", "enquire_link"},
		{"file by flag", []string{"-f", write(t, filepath.Join(dir, "abcd"), link)}, "", "enquire_link"},
		{"file and argument", []string{link, "-f", filepath.Join(dir, "pdu.hex")}, "", "enquire_link enquire_link"},
		{"compressed", []string{write(t, filepath.Join(dir, "pdu.gz"), z.String())}, "", "enquire_link"},
		{"forced raw", []string{"--format", "raw"}, "no hex", "error"},
		{"forced hex", []string{"--format", "hex"}, link, "enquire_link"},
		{"vendor command", []string{vendor}, "", "unknown"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, stdout, stderr := call(t, smpp.Run, tc.stdin, append([]string{"decode", "--json"}, tc.args...)...)
			var got []string
			for _, o := range jsonLines(t, stdout) {
				switch {
				case o["error"] != nil:
					got = append(got, "error")
				default:
					got = append(got, o["command"].(string))
				}
			}
			if s := strings.Join(got, " "); s != tc.want {
				t.Errorf("%s, want %s\n%s%s", s, tc.want, stdout, stderr)
			}
		})
	}
}

func TestDecodeJSON(t *testing.T) {
	isolate(t)
	octets := hex.EncodeToString(submit(t, 7, "hi"))
	status, stdout, _ := call(t, smpp.Run, "", "decode", "--json", octets)
	const want = `{"command":"submit_sm","command_id":4,"command_status":0,"sequence_number":7,` +
		`"body":{"service_type":"","source_addr_ton":5,"source_addr_npi":0,"source_addr":"ACME","dest_addr_ton":1,"dest_addr_npi":1,` +
		`"destination_addr":"491701234567","esm_class":0,"protocol_id":0,"priority_flag":0,"schedule_delivery_time":"",` +
		`"validity_period":"","registered_delivery":0,"replace_if_present_flag":0,"data_coding":0,"sm_default_msg_id":0,` +
		`"sm_length":2,"short_message":"6869"},"tlvs":[],"text":"hi"}` + "\n"
	if status != 0 || stdout != want {
		t.Errorf("exit status %d\n%swant\n%s", status, stdout, want)
	}
}

// thereAndBack decodes octets to JSON and encodes that.
func thereAndBack(t *testing.T, name string, octets []byte) {
	t.Helper()
	for _, input := range []string{string(octets), hex.EncodeToString(octets)} {
		format := "raw"
		if input != string(octets) {
			format = "hex"
		}
		status, stdout, stderr := call(t, smpp.Run, input, "decode", "--json", "--format", format)
		if status == 2 {
			t.Fatalf("%s: exit status 2, %s", name, stderr)
		}
		status, back, stderr := call(t, smpp.Run, stdout, "encode")
		if status != 0 || strings.ReplaceAll(back, "\n", "") != hex.EncodeToString(octets) {
			t.Fatalf("%s: %x\ndecodes to %sencodes to %s%s", name, octets, stdout, back, stderr)
		}
		if _, back, _ = call(t, smpp.Run, stdout, "encode", "--raw"); back != string(octets) {
			t.Fatalf("%s: %x encodes to raw %x", name, octets, back)
		}
	}
}

func TestEncodeIsInverse(t *testing.T) {
	isolate(t)
	reg := pdu.Standard()
	for _, id := range reg.Commands() {
		t.Run(reg.Name(id), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(uint64(id), 5))
			for i := range 20 {
				body, _ := reg.New(id)
				reg.Fill(rnd, body)
				status := pdu.Status(0)
				if id.IsResponse() && i%2 == 1 {
					status = pdu.StatusThrottled
				}
				codec := pdu.NewCodec(nil, 0)
				frame, err := codec.Append(nil, pdu.Header{Status: status, Sequence: rnd.Uint32()}, body)
				if err != nil {
					t.Fatal(err)
				}
				thereAndBack(t, "well-formed", frame)
				if i > 3 {
					continue
				}
				cut := append([]byte(nil), frame[:rnd.IntN(len(frame))+1]...)
				thereAndBack(t, "cut short", cut)
				if len(cut) > 16 {
					copy(cut, []byte{0, 0, byte(len(cut) >> 8), byte(len(cut))})
					thereAndBack(t, "cut short with its length right", cut)
				}
				long := append(append([]byte(nil), frame...), 0, 0)
				copy(long, []byte{0, byte(len(long) >> 16), byte(len(long) >> 8), byte(len(long))})
				thereAndBack(t, "padded", long)
				for range 5 {
					flipped := append([]byte(nil), frame...)
					flipped[rnd.IntN(len(flipped))] ^= byte(1 << rnd.IntN(8))
					thereAndBack(t, "with a wrong bit", flipped)
				}
			}
			header, err := pdu.Append(nil, pdu.Header{Command: id, Status: 0x58, Sequence: 1}, nil)
			if err != nil {
				t.Fatal(err)
			}
			thereAndBack(t, "header alone", header)
		})
	}
	for name, octets := range map[string][]byte{
		"vendor command":         []byte("\x00\x00\x00\x12\x00\x01\x02\x03\x00\x00\x00\x00\x00\x00\x00\x05\xff\x00"),
		"vendor header":          []byte("\x00\x00\x00\x10\x80\x01\x02\x03\x00\x00\x00\x00\x00\x00\x00\x05"),
		"v3.3 command":           []byte("\x00\x00\x00\x11\x00\x00\x00\x22\x00\x00\x00\x00\x00\x00\x00\x05\x00"),
		"one octet":              {7},
		"impossible length":      []byte("\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x05"),
		"text":                   []byte("GET / HTTP/1.1\r\n\r\n"),
		"announces 4 GiB":        []byte("\xff\xff\xff\xff\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x05"),
		"octets above 0x7f":      encodePDU(t, 1, &pdu.QuerySM{MessageID: "\xe9\xff<>&\u2028"}),
		"control octets in text": submit(t, 1, "\x00\x01\x1b\x1b\x7f\xff\"\\"),
	} {
		thereAndBack(t, name, octets)
	}
}

// The vectors of the repository are files of objects that have the octets of a
// PDU in a member called hex, wherever they are.
func TestVectors(t *testing.T) {
	isolate(t)
	files, err := filepath.Glob("../../../testdata/vectors/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no vectors")
	}
	n := 0
	for _, file := range files {
		octets, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(octets, &v); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		var walk func(v any)
		walk = func(v any) {
			switch v := v.(type) {
			case []any:
				for _, e := range v {
					walk(e)
				}
			case map[string]any:
				name, _ := v["name"].(string)
				if digits, ok := v["hex"].(string); ok {
					if frame, err := hex.DecodeString(digits); err == nil && len(frame) >= 16 {
						n++
						thereAndBack(t, filepath.Base(file)+": "+name, frame)
					}
				}
				for _, e := range v {
					walk(e)
				}
			}
		}
		walk(v)
	}
	if n == 0 {
		t.Errorf("no octets in %q", files)
	}
}

func TestEncodeForms(t *testing.T) {
	isolate(t)
	const object = `{"command":"enquire_link","sequence_number":1}`
	dir := t.TempDir()
	for _, tc := range []struct {
		name  string
		args  []string
		stdin string
		want  int
	}{
		{"argument", []string{object}, "", 1},
		{"two arguments", []string{object, " " + object}, "", 2},
		{"standard input", nil, object, 1},
		{"lines", nil, object + "\n" + object + "\r\n", 2},
		{"in a row", nil, object + object, 2},
		{"array", nil, "[" + object + ",\n" + object + "]", 2},
		{"array as argument", []string{"[" + object + "]"}, "", 1},
		{"arrays", nil, "[" + object + "] [] [" + object + "]", 2},
		{"file", []string{write(t, filepath.Join(dir, "p.json"), object)}, "", 1},
		{"file by flag", []string{"-f", filepath.Join(dir, "p.json"), object}, "", 2},
		{"extra members", nil, `{"time":"2026-01-02T03:04:05Z","source":"a:1","destination":"b:2",` + object[1:], 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, stdout, stderr := call(t, smpp.Run, tc.stdin, append([]string{"encode"}, tc.args...)...)
			if want := strings.Repeat(link+"\n", tc.want); status != 0 || stdout != want {
				t.Errorf("exit status %d, %q%s, want %q", status, stdout, stderr, want)
			}
		})
	}
}

func TestEncodeErrors(t *testing.T) {
	isolate(t)
	const good = `{"command":"enquire_link","sequence_number":1}` + "\n"
	for _, tc := range []struct{ name, stdin, want string }{
		{"no such command", good + good + `{"command":"submit"}`, `standard input:3: command: "submit" is no command`},
		{"no command", `{}`, `standard input:1: command: a PDU has a command or a command_id`},
		{"pretty", "{\n \"command\": \"query_sm\",\n \"body\": {\n  \"message_id\": \"1\",\n  \"source_addr_ton\": 256\n }\n}\n", `standard input:5: body.source_addr_ton: 256: an integer from 0 to 255 is required`},
		{"in a list", "{\"command\":\"submit_multi\",\"body\":{\"dest_address\":[\n{\"dest_flag\":1},\n{\"dest_flag\":2,\n\"dl_name\":5}\n]}}", `standard input:4: body.dest_address[1].dl_name: `},
		{"TLV", good + `{"command":"query_sm","body":{},` + "\n" + `"tlvs":[{"tag":5,"value":"0"}]}`, `standard input:3: tlvs[0].value: `},
		{"TLV name", `{"command":"submit_sm","body":{},"tlvs":[{"name":"nonsense"}]}`, `standard input:1: tlvs[0].name: "nonsense" is no TLV`},
		{"raw", "{\n\"raw\":\"0g\"}", `standard input:2: raw: `},
		{"type", "{\"command\":\"query_sm\",\n\"sequence_number\":\"x\"}", `standard input:2: sequence_number: `},
		{"in an array", "[\n" + good + ",\n{\"command\":7}]", `standard input:4: command: `},
		{"a value", good + "17", `standard input:2: a PDU is an object`},
		{"a value in an array", "[\n17]", `standard input:2: a PDU is an object`},
		{"no JSON", good + good + "{\"command\" \"x\"}", `standard input:3: invalid character`},
		{"no JSON at all", "00000010", `standard input:1: `},
		{"cut off", good + "{\"command\":\n\"x", `standard input:3: the JSON ends inside an object`},
		{"long string", `{"command":"query_sm","body":{"message_id":"` + strings.Repeat("1", 65) + `"}}`, `message_id`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, stdout, stderr := call(t, smpp.Run, tc.stdin, "encode")
			if status != 1 || !strings.HasPrefix(stderr, "smpp encode: ") || !strings.Contains(stderr, tc.want) {
				t.Errorf("exit status %d, %swant %s", status, stderr, tc.want)
			}
			if n := strings.Count(tc.stdin, good); stdout != strings.Repeat(link+"\n", n) {
				t.Errorf("standard output %q", stdout)
			}
		})
	}
}

// What comes in is printed before more is waited for.
func TestPrintsAsItReads(t *testing.T) {
	isolate(t)
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	done := make(chan int)
	go func() {
		done <- smpp.Run(t.Context(), []string{"encode"}, inR, outW, io.Discard)
		must(t)(0, outW.Close())
	}()
	line := make([]byte, 33)
	for range 2 {
		must(t)(io.WriteString(inW, `{"command":"enquire_link","sequence_number":1}`+"\n"))
		if _, err := io.ReadFull(outR, line); err != nil || string(line) != link+"\n" {
			t.Fatalf("%q, %v", line, err)
		}
	}
	must(t)(0, inW.Close())
	if status := <-done; status != 0 {
		t.Errorf("exit status %d", status)
	}
}

func FuzzParseHex(f *testing.F) {
	for _, s := range []string{link, "0x00, 0x1F", `\x00\xff`, "00:11-22", "0", "zz", "\uFEFF00", "00\n11\r\n22"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		octets, starts, err := smpp.ParseHex(s)
		if err != nil {
			return
		}
		for i, start := range starts {
			if start >= len(octets) || i > 0 && start <= starts[i-1] {
				t.Fatalf("starts %d of %d octets", starts, len(octets))
			}
		}
		again, _, err := smpp.ParseHex(hex.EncodeToString(octets))
		if err != nil || !bytes.Equal(again, octets) {
			t.Fatalf("%x, %v", again, err)
		}
	})
}

func FuzzDecodeEncode(f *testing.F) {
	raw, _ := hex.DecodeString(link)
	f.Add(raw, 4)
	f.Add(append(submit(f, 3, "text"), raw...), 70)
	f.Add([]byte("\x00\x00\x00\x05GET /"), 2)
	f.Fuzz(func(t *testing.T, octets []byte, start int) {
		if len(octets) == 0 {
			return
		}
		var starts []int
		if start > 0 && start < len(octets) {
			starts = []int{start}
		}
		pieces, whole := smpp.Cut(octets, starts)
		if !bytes.Equal(bytes.Join(pieces, nil), octets) {
			t.Fatalf("octets lost: %x", pieces)
		}
		var lines []byte
		for i, p := range pieces {
			if frame, rest, err := pdu.Split(p, 0); whole[i] && (err != nil || len(frame) == 0 || len(rest) > 0) {
				t.Fatalf("%x is no PDU: %v", p, err)
			}
			lines = append(pdu.Standard().AppendJSON(lines, p, nil), '\n')
		}
		var out, errs bytes.Buffer
		if status := smpp.Run(t.Context(), []string{"encode", "--raw"}, bytes.NewReader(lines), &out, &errs); status != 0 || !bytes.Equal(out.Bytes(), octets) {
			t.Fatalf("exit status %d, %s%x encodes to %x by\n%s", status, &errs, octets, out.Bytes(), lines)
		}
	})
}

func FuzzEncode(f *testing.F) {
	for _, s := range []string{`{"command":"enquire_link"}`, `[{"raw":"00"}]`, `{"command":"submit_multi","body":{"dest_address":[{"dest_flag":1}]}}`, "{", "[1]", `{"command":"query_sm","body":{"message_id":5}}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var out, errs bytes.Buffer
		status := smpp.Run(t.Context(), []string{"encode"}, strings.NewReader(s), &out, &errs)
		if status == 2 || status == 1 && errs.Len() == 0 || strings.Count(errs.String(), "\n") > 1 {
			t.Fatalf("exit status %d, %s", status, &errs)
		}
	})
}
