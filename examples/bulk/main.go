// Command bulk sends many messages over sessions with one or more message
// centers and reports for each what became of it, whatever happens on the way.
// It reads lines of a number, a tab and a text, and writes lines of the number
// of the line, the number sent to, the outcome (accepted, refused, never sent or
// unknown) and the message id or the error.
//
//	go run ./examples/bulk smpp://demo:demo@127.0.0.1:2775 smpp://demo:demo@127.0.0.1:2776 <messages >report
//
// "never sent" may be sent again without a thought, and "refused" once the cause
// is gone. "unknown" may have been delivered: whether to risk a second time is
// for a person to decide, or a question for query_sm and receipts.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"sync"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: bulk URL... <messages >report")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	count, err := bulk(ctx, os.Args[1:], os.Stdin, os.Stdout)
	for o := smpp.Accepted; o <= smpp.Unknown; o++ {
		log.Printf("%6d %v", count[o], o)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// senders is how many messages are on their way at once.
const senders = 100

// A message is a line of the input.
type message struct {
	line         int
	number, text string
}

func bulk(ctx context.Context, urls []string, in io.Reader, out io.Writer) (count [4]int, err error) {
	client := &smpp.Client{
		Sessions:   2,
		MinBackoff: 500 * time.Millisecond,
		Config:     &smpp.Config{Bind: smpp.Transmitter, Window: 50},
	}
	for _, url := range urls {
		client.Targets = append(client.Targets, smpp.Target{URL: url})
	}
	defer client.Close()
	if err := client.Connect(ctx); err != nil {
		return count, err
	}

	var mu sync.Mutex
	var failed error // of the report
	report := func(m message, id string, err error) {
		mu.Lock()
		defer mu.Unlock()
		outcome := smpp.Outcome(err)
		count[outcome]++
		if err != nil {
			id = strings.NewReplacer("\t", " ", "\n", " ").Replace(err.Error())
		}
		if _, err := fmt.Fprintf(out, "%d\t%s\t%v\t%s\n", m.line, m.number, outcome, id); err != nil {
			failed = errors.Join(failed, err)
		}
	}

	work := make(chan message)
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for m := range work {
				submit(ctx, client, m, report)
			}
		})
	}
	err = read(ctx, in, work)
	close(work)
	wg.Wait()
	return count, errors.Join(err, failed)
}

// read hands out the lines of the input, until ctx ends.
func read(ctx context.Context, in io.Reader, work chan<- message) error {
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		number, text, ok := strings.Cut(lines.Text(), "\t")
		if !ok {
			return fmt.Errorf("line %d: a number, a tab and a text are expected", n)
		}
		select {
		case work <- message{n, number, text}:
		case <-ctx.Done():
			return fmt.Errorf("stopped before line %d: %w", n, context.Cause(ctx))
		}
	}
	return lines.Err()
}

// submit sends a message of one part and waits a minute at most, for a session
// to send it on included.
func submit(ctx context.Context, client *smpp.Client, m message, report func(message, string, error)) {
	parts, err := sms.Profile{}.Compose(&pdu.SubmitSM{Dest: pdu.International(m.number)}, m.text, nil)
	if err == nil && len(parts) != 1 {
		err = fmt.Errorf("the text takes %d parts: one is expected", len(parts))
	}
	if err != nil {
		report(m, "", &smpp.RequestError{Command: pdu.IDSubmitSM, Err: err})
		return
	}
	// What is on its way is waited for even when the program is interrupted.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	resp, err := client.Submit(ctx, parts[0])
	id := ""
	if resp != nil {
		id = resp.MessageID
	}
	report(m, id, err)
}
