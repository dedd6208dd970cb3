package front_test

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/center/store/memory"
	"github.com/godwit-sms/smpp/center/store/pebble"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

var (
	acme   = pdu.Alphanumeric("ACME")
	mobile = pdu.International("491701234567")
)

// stores are those that the front is tried with: requests are handled in two
// ways, depending on whether the store may block.
var stores = map[string]func(testing.TB) store.Store{
	"memory": func(testing.TB) store.Store { return new(memory.Store) },
	"pebble": func(t testing.TB) store.Store {
		s, err := pebble.Open("data", pebble.Options{FS: vfs.NewMem(), Reserve: -1, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		return s
	},
}

// bubble runs a test with each store, in a time of its own.
func bubble(t *testing.T, fn func(*testing.T, store.Store)) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(21 * 365 * 24 * time.Hour) // ids follow the clock from 2020 on
				s := open(t)
				defer func() {
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				}()
				fn(t, s)
			})
		})
	}
}

// A bench is a center and how to reach it.
type bench struct {
	t      *testing.T
	center *center.Center
}

func open(t *testing.T, cfg center.Config) *bench {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = quiet
	}
	c, err := center.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t, c}
}

func (b *bench) close() { _ = b.center.Close() }

// An esme is a session and all that came on it.
type esme struct {
	*smpp.Session
	t      *testing.T
	mu     sync.Mutex
	got    []pdu.Body
	answer func(pdu.Body) (pdu.Body, error) // nil: takes everything
}

func (b *bench) bind(cfg smpp.Config, answer func(pdu.Body) (pdu.Body, error)) *esme {
	b.t.Helper()
	here, there := net.Pipe()
	b.center.ServeConn(there)
	e := &esme{t: b.t, answer: answer}
	e.setUp(&cfg)
	s, err := smpp.Bind(b.t.Context(), here, &cfg)
	if err != nil {
		b.t.Fatalf("bind: %v", err)
	}
	e.Session = s
	synctest.Wait() // the center has it in its routes
	return e
}

func (e *esme) setUp(cfg *smpp.Config) {
	if cfg.SystemID == "" {
		cfg.SystemID, cfg.Password = "demo", "demo"
	}
	cfg.Logger = quiet
	cfg.Window, cfg.InboundWindow = 1000, 1000
	cfg.Handler = smpp.Inline(smpp.HandlerFunc(func(w smpp.ResponseWriter, in *smpp.Incoming) {
		var resp pdu.Body
		var err error
		status := pdu.StatusOK
		if e.answer != nil {
			resp, err = e.answer(in.Body)
		}
		if err != nil && !errors.As(err, &status) {
			return // it never answers
		}
		e.mu.Lock()
		e.got = append(e.got, in.Body)
		e.mu.Unlock()
		_ = w.Respond(status, resp) // a notice has no response
	}))
}

// take returns what came after a while.
func (e *esme) take(after time.Duration) []pdu.Body {
	time.Sleep(after)
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	got := e.got
	e.got = nil
	return got
}

func (e *esme) texts(after time.Duration) (texts []string) {
	for _, b := range e.take(after) {
		switch m := b.(type) {
		case *pdu.DeliverSM:
			if !m.ESMClass.IsReceipt() {
				texts = append(texts, sms.Text(m))
			}
		case *pdu.DataSM:
			payload, _ := pdu.TLVMessagePayload.Get(m.TLVs)
			texts = append(texts, "data:"+string(payload))
		}
	}
	return texts
}

func (e *esme) receipts(after time.Duration) (found []*sms.Receipt) {
	for _, b := range e.take(after) {
		if m, ok := b.(*pdu.DeliverSM); ok {
			if r, ok := (sms.Profile{}).ReadReceipt(m); ok {
				found = append(found, r)
			}
		}
	}
	return found
}

func text(dest pdu.Address, s string) *pdu.SubmitSM {
	return &pdu.SubmitSM{Source: acme, Dest: dest, ShortMessage: []byte(s)}
}

func (e *esme) submit(m *pdu.SubmitSM) string {
	e.t.Helper()
	resp, err := e.Submit(e.t.Context(), m)
	if err != nil {
		e.t.Fatalf("submit_sm: %v", err)
	}
	return resp.MessageID
}

func (e *esme) state(id string) pdu.MessageState {
	e.t.Helper()
	resp, err := e.Query(e.t.Context(), &pdu.QuerySM{MessageID: id, Source: acme})
	if err != nil {
		e.t.Fatalf("query_sm: %v", err)
	}
	return resp.State
}

func wantStatus(t *testing.T, what string, err error, want pdu.Status) {
	t.Helper()
	if want == pdu.StatusOK && err == nil {
		return
	}
	var status pdu.Status
	if !errors.As(err, &status) || status != want {
		t.Errorf("%s: %v; want %v", what, err, want)
	}
}

func isStatus(err error, want pdu.Status) bool {
	var status pdu.Status
	return errors.As(err, &status) && status == want
}

func relative(t *testing.T, d time.Duration) pdu.Time {
	t.Helper()
	v, err := pdu.RelativeTime(d)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Each field that is wrong has its own status.
func TestFieldErrors(t *testing.T) {
	past := pdu.Time("990101000000000+")
	for _, version := range []pdu.Version{pdu.V33, pdu.V34, pdu.V50} {
		synctest.Test(t, func(t *testing.T) {
			b := open(t, center.Config{ServiceTypes: []string{"CMT"}, DefaultTexts: map[uint8]string{7: "canned"}, Lists: map[string][]pdu.Address{"friends": {mobile}}})
			defer b.close()
			// The peer writes what its version has no place for as well.
			request := func(p pdu.Body) error {
				resp, err := b.raw(p, version)
				if err == nil && resp != pdu.StatusOK {
					err = resp
				}
				return err
			}
			for _, tt := range []struct {
				name   string
				change func(*pdu.SubmitSM)
				want   pdu.Status
				from   pdu.Version // other versions have another answer
				before pdu.Version
			}{
				{"fine", func(*pdu.SubmitSM) {}, pdu.StatusOK, 0, 0},
				{"a service type that is taken", func(m *pdu.SubmitSM) { m.ServiceType = "CMT" }, pdu.StatusOK, 0, 0},
				{"another service type", func(m *pdu.SubmitSM) { m.ServiceType = "WAP" }, pdu.StatusInvalidServiceType, 0, 0},
				{"source type of number", func(m *pdu.SubmitSM) { m.Source.TON = 7 }, pdu.StatusInvalidSourceTON, 0, 0},
				{"source numbering plan", func(m *pdu.SubmitSM) { m.Source.NPI = 2 }, pdu.StatusInvalidSourceNPI, 0, 0},
				{"blank in source", func(m *pdu.SubmitSM) { m.Source = pdu.International("49 17") }, pdu.StatusInvalidSource, 0, 0},
				{"blank in a name", func(m *pdu.SubmitSM) { m.Source = pdu.Alphanumeric("My Shop") }, pdu.StatusOK, 0, 0},
				{"destination type of number", func(m *pdu.SubmitSM) { m.Dest.TON = 9 }, pdu.StatusInvalidDestTON, 0, 0},
				{"destination numbering plan", func(m *pdu.SubmitSM) { m.Dest.NPI = 5 }, pdu.StatusInvalidDestNPI, 0, 0},
				{"no destination", func(m *pdu.SubmitSM) { m.Dest.Addr = "" }, pdu.StatusInvalidDest, 0, 0},
				{"a type of the center", func(m *pdu.SubmitSM) { m.ESMClass = pdu.TypeDeliveryReceipt }, pdu.StatusInvalidESMClass, pdu.V34, 0},
				{"a type of the center", func(m *pdu.SubmitSM) { m.ESMClass = pdu.TypeDeliveryReceipt }, pdu.StatusOK, 0, pdu.V34}, // unused in v3.3
				{"a reserved type", func(m *pdu.SubmitSM) { m.ESMClass = 0x3C }, pdu.StatusInvalidESMClass, pdu.V34, 0},
				{"transaction mode", func(m *pdu.SubmitSM) { m.ESMClass = pdu.ModeForward }, pdu.StatusInvalidESMClass, pdu.V34, pdu.V50},
				{"transaction mode", func(m *pdu.SubmitSM) { m.ESMClass = pdu.ModeForward }, pdu.StatusOK, pdu.V50, 0},
				{"priority 2", func(m *pdu.SubmitSM) { m.PriorityFlag = 2 }, pdu.StatusInvalidPriorityFlag, 0, pdu.V34},
				{"priority 4", func(m *pdu.SubmitSM) { m.PriorityFlag = 4 }, pdu.StatusInvalidPriorityFlag, pdu.V34, pdu.V50},
				{"priority 4", func(m *pdu.SubmitSM) { m.PriorityFlag = 4 }, pdu.StatusOK, pdu.V50, 0},
				{"priority 5", func(m *pdu.SubmitSM) { m.PriorityFlag = 5 }, pdu.StatusInvalidPriorityFlag, 0, 0},
				{"a schedule that is none", func(m *pdu.SubmitSM) { m.ScheduleDeliveryTime = "991301000000000+" }, pdu.StatusInvalidScheduleTime, 0, 0},
				{"validity in the past", func(m *pdu.SubmitSM) { m.ValidityPeriod = past }, pdu.StatusInvalidExpiry, 0, 0},
				{"validity that is none", func(m *pdu.SubmitSM) { m.ValidityPeriod = "991301000000000+" }, pdu.StatusInvalidExpiry, 0, 0},
				{"receipt on success", func(m *pdu.SubmitSM) { m.RegisteredDelivery = pdu.SuccessReceipt }, pdu.StatusInvalidRegisteredDelivery, 0, pdu.V50},
				{"receipt on success", func(m *pdu.SubmitSM) { m.RegisteredDelivery = pdu.SuccessReceipt }, pdu.StatusOK, pdu.V50, 0},
				{"receipt on failure", func(m *pdu.SubmitSM) { m.RegisteredDelivery = pdu.FailureReceipt }, pdu.StatusInvalidRegisteredDelivery, 0, pdu.V34},
				{"reserved bits of registered_delivery", func(m *pdu.SubmitSM) { m.RegisteredDelivery = 0x21 }, pdu.StatusInvalidRegisteredDelivery, 0, 0},
				{"replace flag 2", func(m *pdu.SubmitSM) { m.ReplaceIfPresent = 2 }, pdu.StatusInvalidReplaceFlag, 0, 0},
				{"a canned message", func(m *pdu.SubmitSM) { m.DefaultMessageID = 7 }, pdu.StatusOK, 0, 0},
				{"another canned message", func(m *pdu.SubmitSM) { m.DefaultMessageID = 8 }, pdu.StatusInvalidDefaultMessageID, 0, 0},
				{"datagram for later", func(m *pdu.SubmitSM) { m.ESMClass, m.ScheduleDeliveryTime = pdu.ModeDatagram, "000000010000000R" }, pdu.StatusInvalidScheduleTime, pdu.V34, 0},
				{"datagram in the place of another", func(m *pdu.SubmitSM) { m.ESMClass, m.ReplaceIfPresent = pdu.ModeDatagram, 1 }, pdu.StatusInvalidSubmitWithReplace, pdu.V34, 0},
			} {
				if version < tt.from || tt.before != 0 && version >= tt.before {
					continue
				}
				m := text(mobile, "x")
				tt.change(m)
				wantStatus(t, version.String()+": submit_sm: "+tt.name, request(m), tt.want.For(version))
				if tt.want == pdu.StatusOK || m.Dest != mobile {
					continue
				}
				multi := &pdu.SubmitMulti{ServiceType: m.ServiceType, Source: m.Source, Dests: pdu.To(mobile), ESMClass: m.ESMClass, PriorityFlag: m.PriorityFlag, ScheduleDeliveryTime: m.ScheduleDeliveryTime,
					ValidityPeriod: m.ValidityPeriod, RegisteredDelivery: m.RegisteredDelivery, ReplaceIfPresent: m.ReplaceIfPresent, DefaultMessageID: m.DefaultMessageID, ShortMessage: m.ShortMessage}
				wantStatus(t, version.String()+": submit_multi: "+tt.name, request(multi), tt.want.For(version))
			}
			wantStatus(t, "query_sm of nothing", request(&pdu.QuerySM{MessageID: "12", Source: acme}), pdu.StatusInvalidMessageID)
			wantStatus(t, "cancel_sm of nothing", request(&pdu.CancelSM{MessageID: "12", Source: acme}), pdu.StatusInvalidMessageID)
			wantStatus(t, "cancel_sm of all to nobody", request(&pdu.CancelSM{Source: acme}), pdu.StatusInvalidDest)
			wantStatus(t, "cancel_sm of none", request(&pdu.CancelSM{Source: acme, Dest: pdu.International("1")}), pdu.StatusCancelFailed)
			wantStatus(t, "replace_sm of nothing", request(&pdu.ReplaceSM{MessageID: "12", Source: acme}), pdu.StatusInvalidMessageID)
			if version >= pdu.V34 {
				wantStatus(t, "data_sm without content", request(&pdu.DataSM{Source: acme, Dest: mobile}), pdu.StatusMissingTLV)
			}
			// Commands that a message center has but this one does not, and those of vendors.
			for _, id := range []pdu.CommandID{0x00000022, 0x00000023, 0x00000024, 0x00010200, 0x00000107} {
				want := pdu.StatusInvalidCommandID
				answer := pdu.IDGenericNack
				if h, err := b.exchange(&pdu.Unknown{ID: id}, version); err != nil || h.Status != want || h.Command != answer {
					t.Errorf("%v: command %#x: %v with %v, %v; want %v with %v", version, uint32(id), h.Command, h.Status, err, answer, want)
				}
			}
		})
	}
}

// raw returns the status that answers a request; see exchange.
func (b *bench) raw(p pdu.Body, v pdu.Version) (pdu.Status, error) {
	h, err := b.exchange(p, v)
	return h.Status, err
}

// exchange sends a request as the widest version has it, on a connection of its
// own that is bound as version v, and returns the header of the answer.
func (b *bench) exchange(p pdu.Body, v pdu.Version) (pdu.Header, error) {
	here, there := net.Pipe()
	b.t.Helper()
	b.center.ServeConn(there)
	defer func() { _ = here.Close() }()
	exchange := func(p pdu.Body, seq uint32) (pdu.Header, error) {
		octets, err := pdu.Append(nil, pdu.Header{Sequence: seq}, p)
		if err != nil {
			return pdu.Header{}, err
		}
		go func() { _, _ = here.Write(octets) }()
		head := make([]byte, pdu.HeaderLen)
		if _, err := io.ReadFull(here, head); err != nil {
			return pdu.Header{}, err
		}
		h, length, err := pdu.ParseHeader(head)
		if err == nil {
			_, err = io.CopyN(io.Discard, here, int64(length)-pdu.HeaderLen)
		}
		return h, err
	}
	if h, err := exchange(&pdu.BindTransmitter{Bind: pdu.Bind{SystemID: "demo", Password: "demo", InterfaceVersion: v}}, 1); err != nil || h.Status != pdu.StatusOK {
		return h, errors.Join(err, errors.New("the bind failed"))
	}
	return exchange(p, 2)
}
