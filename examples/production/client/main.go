// Command client is a gateway from HTTP to SMPP as one would run it: several
// sessions with several message centers, rates, timeouts, logs, counters, and
// an end that loses nothing.
//
//	SMPP_URLS="smpp://demo:demo@127.0.0.1:2775 smpp://demo:demo@127.0.0.1:2776" go run ./examples/production/client
//	curl -d "Hello" "http://127.0.0.1:8081/send?to=491701234567"
//
// GET /healthz tells whether a session is bound, GET /counters what has
// happened. SIGINT and SIGTERM end it: no new messages, an answer to each that is
// on its way, an unbind.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

func main() {
	listen := flag.String("http", "127.0.0.1:8081", "address of the HTTP side")
	rate := flag.Float64("rate", 100, "parts a second, over all sessions")
	sessions := flag.Int("sessions", 2, "sessions with each message center")
	flag.Parse()
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := net.Listen("tcp", *listen)
	if err == nil {
		log.Info("listening", "http", l.Addr().String())
		g := newGateway(strings.Fields(os.Getenv("SMPP_URLS")), *rate, *sessions, log)
		err = g.run(ctx, l)
	}
	if err != nil {
		log.Error("ended", "error", err)
		os.Exit(1)
	}
}

// A gateway hands messages from HTTP to message centers.
type gateway struct {
	client *smpp.Client
	log    *slog.Logger

	accepted, refused, neverSent, unknown, received, receipts atomic.Int64
}

const (
	sendTimeout  = 20 * time.Second // of a message, the wait for a session or a rate included
	drainTimeout = 30 * time.Second // for what is on its way when the program ends
	maxText      = 16 << 10
)

func newGateway(urls []string, rate float64, sessions int, log *slog.Logger) *gateway {
	g := &gateway{log: log}
	g.client = &smpp.Client{
		Sessions: sessions,
		Config: &smpp.Config{
			Window:  50,
			Limiter: smpp.NewLimiter(smpp.Rate{}, smpp.Rate{PerSecond: rate}),
			Handler: smpp.HandlerFor(g.receive),
			Logger:  log,
		},
		LinkChanged: func(l smpp.Link) {
			if l.State == smpp.LinkGaveUp {
				log.Error("somebody has to look at the account", "address", l.Addr, "error", l.Err)
			}
		},
	}
	for i, url := range urls {
		// The first message center gets everything while it is there.
		g.client.Targets = append(g.client.Targets, smpp.Target{URL: url, Priority: i})
	}
	return g
}

// run serves until ctx ends or the client has given up.
func (g *gateway) run(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /send", g.send)
	mux.HandleFunc("GET /healthz", g.health)
	mux.HandleFunc("GET /counters", g.counters)
	web := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 2 * sendTimeout}
	served := make(chan error, 1)
	go func() { served <- web.Serve(l) }()
	var err error
	select {
	case <-ctx.Done():
	case <-g.client.Done(): // it starts here
		err = g.client.Err()
	case err = <-served:
	}
	g.log.Info("ending", "error", err)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	// First those who wait for an answer, then the sessions.
	return errors.Join(err, web.Shutdown(ctx), g.client.Shutdown(ctx))
}

// receive takes messages and receipts. What it returns acknowledges them, so
// they are to be safe somewhere by then; here, in the log.
func (g *gateway) receive(ctx context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
	from := smpp.SessionFrom(ctx).RemoteAddr().String()
	if r, ok := (sms.Profile{}).ReadReceipt(m); ok {
		g.receipts.Add(1)
		g.log.Info("receipt", "id", r.ID, "state", r.State.String(), "message_center", from)
		return nil, nil
	}
	g.received.Add(1)
	g.log.Info("message", "octets", len(m.ShortMessage), "message_center", from) // neither text nor numbers
	return nil, nil
}

// An answer is what POST /send says.
type answer struct {
	Outcome string   `json:"outcome"` // accepted, refused, never sent or unknown, of the worst part
	IDs     []string `json:"ids,omitempty"`
	Error   string   `json:"error,omitempty"`
}

func (g *gateway) send(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxText))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	to := r.FormValue("to")
	if to == "" || len(text) == 0 {
		http.Error(w, "the number in ?to= and the text in the body are needed", http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), sendTimeout)
	defer cancel()
	result, err := sms.Send(ctx, g.client, &sms.Outgoing{Text: string(text), Template: pdu.SubmitSM{
		Dest: pdu.International(to), RegisteredDelivery: pdu.FinalReceipt,
	}})
	a, code := answer{Outcome: sms.PartAccepted.String()}, http.StatusOK
	if err != nil {
		a.Error, a.Outcome, code = err.Error(), sms.PartNeverSent.String(), http.StatusBadRequest // it cannot be composed
	}
	if result != nil {
		a.IDs = result.IDs()
		worst := worstOf(result)
		a.Outcome = worst.String()
		code = map[sms.PartOutcome]int{
			sms.PartAccepted: http.StatusOK, sms.PartRefused: http.StatusUnprocessableEntity,
			sms.PartNeverSent: http.StatusServiceUnavailable, sms.PartUnknown: http.StatusBadGateway,
		}[worst]
		map[sms.PartOutcome]*atomic.Int64{
			sms.PartAccepted: &g.accepted, sms.PartRefused: &g.refused, sms.PartNeverSent: &g.neverSent, sms.PartUnknown: &g.unknown,
		}[worst].Add(1)
	}
	if err != nil {
		g.log.Warn("message", "outcome", a.Outcome, "error", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(a) // fails only when nobody waits for it
}

// worstOf returns the outcome of the part that leaves the most to do: whoever
// learns that one is unknown must not send the message again without a thought.
func worstOf(r *sms.Result) sms.PartOutcome {
	order := []sms.PartOutcome{sms.PartAccepted, sms.PartNeverSent, sms.PartRefused, sms.PartUnknown}
	worst := 0
	for _, p := range r.Parts {
		worst = max(worst, slices.Index(order, p.Outcome))
	}
	return order[worst]
}

func (g *gateway) health(w http.ResponseWriter, _ *http.Request) {
	if s := g.client.Stats(); s.Bound == 0 {
		http.Error(w, "no session is bound", http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "ok\n") // fails only when nobody waits for it
}

func (g *gateway) counters(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"accepted": g.accepted.Load(), "refused": g.refused.Load(), "never_sent": g.neverSent.Load(), "unknown": g.unknown.Load(),
		"received": g.received.Load(), "receipts": g.receipts.Load(), "client": g.client.Stats(),
	})
}
