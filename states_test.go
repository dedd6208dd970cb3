package smpp_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

var bindIn = map[string]pdu.BindRequest{
	"bound_tx":  &pdu.BindTransmitter{Bind: pdu.Bind{SystemID: "raw", InterfaceVersion: pdu.V50}},
	"bound_rx":  &pdu.BindReceiver{Bind: pdu.Bind{SystemID: "raw", InterfaceVersion: pdu.V50}},
	"bound_trx": &pdu.BindTransceiver{Bind: pdu.Bind{SystemID: "raw", InterfaceVersion: pdu.V50}},
}

// sessionIn returns a session of a message center in a state, and its peer.
func sessionIn(t *testing.T, srv *smpp.Server, state string) (*raw, *smpp.Session) {
	t.Helper()
	if state == "outbound" {
		near, far := smpptest.Pipe()
		ended := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			defer close(ended)
			_, _ = srv.OutbindConn(ctx, far, &pdu.Outbind{SystemID: "center", Password: "knock"}) // ends as the test does
		}()
		t.Cleanup(func() {
			_ = near.Close()
			cancel()
			<-ended
		})
		r := &raw{near, t}
		if h, _, _ := r.next(); h.Command != pdu.IDOutbind {
			t.Fatalf("got %v, not an outbind", h)
		}
		synctest.Wait()
		all := srv.Sessions()
		if len(all) != 1 {
			t.Fatalf("%d sessions", len(all))
		}
		return r, all[0]
	}
	r, s := rawClient(t, srv)
	if req := bindIn[state]; req != nil {
		if h, _ := r.bind(req); h.Status != pdu.StatusOK {
			t.Fatal(h.Status)
		}
	}
	if state == "unbound" {
		r.bound()
		r.send(pdu.Header{Sequence: 1000}, message) // not answered yet
		r.send(pdu.Header{Sequence: 1001}, &pdu.Unbind{})
	}
	synctest.Wait()
	if s.State().String() != state {
		t.Fatalf("%v, not %s", s.State(), state)
	}
	return r, s
}

// unanswered holds submit_sm and accepts what else there is.
func unanswered(t *testing.T) smpp.Handler {
	g := newGate()
	t.Cleanup(func() { close(g.open) })
	mux := smpp.NewMux()
	for _, id := range pdu.Standard().Commands() {
		if !id.IsResponse() && !pdu.Standard().Notice(id) && id != pdu.IDSubmitSM {
			mux.Handle(id, acceptAll)
		}
	}
	mux.Handle(pdu.IDSubmitSM, g.handler())
	return mux
}

// Every command that an ESME may send, or not, in every state.
func TestStates(t *testing.T) {
	data, err := os.ReadFile("testdata/session/session.json")
	if err != nil {
		t.Fatal(err)
	}
	var spec struct {
		StateNames []struct{ Name string } `json:"state_names"`
		States     map[string]struct {
			ID   pdu.CommandID
			ESME []string
		}
		DataSM struct{ ESME []string } `json:"data_sm_v34"`
	}
	if err := json.Unmarshal(data, &spec); err != nil {
		t.Fatal(err)
	}
	if len(spec.States) < 17 || len(spec.StateNames) != 7 {
		t.Fatalf("%d commands, %d states", len(spec.States), len(spec.StateNames))
	}
	for _, state := range spec.StateNames {
		t.Run(state.Name, func(t *testing.T) {
			for name, row := range spec.States {
				bubble(t, name, func(t *testing.T) {
					body, ok := pdu.Standard().New(row.ID)
					if !ok {
						t.Fatalf("no %s", name)
					}
					rnd := rand.New(rand.NewPCG(1, uint64(row.ID)))
					pdu.Standard().Fill(rnd, body)
					if state.Name == "closed" {
						near, far := smpptest.Pipe()
						srv := &smpp.Server{Handler: acceptAll}
						defer srv.Close()
						srv.ServeConn(far)
						s, err := smpp.Bind(t.Context(), near, nil)
						if err != nil {
							t.Fatal(err)
						}
						_ = s.Close()
						<-s.Done()
						if err := s.Send(t.Context(), body); err == nil || smpp.Outcome(err) != smpp.NeverSent {
							t.Errorf("sent after the end: %v", err)
						}
						return
					}
					srv := &smpp.Server{Handler: smpp.HandlerFunc(func(w smpp.ResponseWriter, in *smpp.Incoming) {
						var resp pdu.Body
						if in.Header.Command == pdu.IDQueryBroadcastSM { // whose response has to have TLVs
							resp, _ = pdu.Standard().New(pdu.IDQueryBroadcastSM.Response())
							pdu.Standard().Fill(rnd, resp)
						}
						_ = w.Respond(pdu.StatusOK, resp)
					})}
					if state.Name == "unbound" {
						srv.Handler = unanswered(t)
					}
					r, s := sessionIn(t, srv, state.Name)
					allowed := slices.Contains(row.ESME, state.Name)
					if row.ID == pdu.IDDataSM {
						allowed = slices.Contains(spec.DataSM.ESME, state.Name) // v3.4 let it
					}
					r.send(pdu.Header{Sequence: 4}, body)
					if pdu.Standard().Notice(row.ID) {
						r.alive() // no answer
						if s.State().String() != state.Name {
							t.Errorf("became %v", s.State())
						}
						return
					}
					_, isBind := body.(pdu.BindRequest)
					got, _, frame := r.next()
					if frame == nil || got.Command != row.ID.Response() || got.Sequence != 4 {
						t.Fatalf("answered with %v", got)
					}
					want := pdu.StatusInvalidBindStatus
					switch {
					case allowed:
						want = pdu.StatusOK
					case isBind && s.State().Bound():
						want = pdu.StatusAlreadyBound
					case row.ID == pdu.IDUnbind && state.Name == "unbound":
						want = pdu.StatusOK // both may send it at once
					}
					if got.Status != want {
						t.Errorf("%s in %s is answered with %v; want %v", name, state.Name, got.Status, want)
					}
				})
			}
		})
	}
}
