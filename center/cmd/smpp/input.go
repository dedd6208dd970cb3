package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// A source is a piece of input.
type source struct {
	name string // for messages
	path string // of a file; "-" is standard input; "" is text
	text string
}

// sources lists the input of a subcommand: its arguments, of which inline tells
// those that are data from those that are paths; the files given by flag; or
// else standard input. Inline arguments in a row are one source, a line each.
func (a *app) sources(cmd *cobra.Command, args, files []string, inline func(string) bool) []source {
	var all []source
	for _, arg := range args {
		switch last := len(all) - 1; {
		case !inline(arg):
			all = append(all, pathSource(arg))
		case last >= 0 && all[last].path == "":
			all[last].text += "\n" + arg
		default:
			all = append(all, source{name: "arguments", text: arg})
		}
	}
	for _, f := range files {
		all = append(all, pathSource(f))
	}
	if len(all) == 0 {
		all = append(all, pathSource("-"))
	}
	for _, s := range all {
		if s.path == "-" && isTerminal(a.stdin) {
			a.warn(cmd, "reading from the terminal; end with Ctrl-D (Ctrl-Z on Windows)")
			break
		}
	}
	return all
}

func pathSource(path string) source {
	if path == "-" {
		return source{name: "standard input", path: path}
	}
	return source{name: path, path: path}
}

// open returns a reader of a source. Before a read of standard input that may
// take its time, flush is called.
func (a *app) open(ctx context.Context, s source, flush func()) (*bufio.Reader, func(), error) {
	switch s.path {
	case "":
		return bufio.NewReader(strings.NewReader(s.text)), func() {}, nil
	case "-":
		return bufio.NewReaderSize(&patientReader{ctx: ctx, r: a.stdin, before: flush}, 64<<10), func() {}, nil
	}
	f, err := os.Open(s.path)
	if err != nil {
		return nil, nil, err
	}
	if st, err := f.Stat(); err == nil && st.IsDir() {
		f.Close()
		return nil, nil, fmt.Errorf("%s: a directory", s.path)
	}
	return bufio.NewReaderSize(f, 64<<10), func() { f.Close() }, nil
}

// A patientReader waits for a reader that cannot be interrupted until ctx is
// done. Its last read then stays behind.
type patientReader struct {
	ctx    context.Context
	r      io.Reader
	before func()
	buf    []byte
	done   chan readResult
}

type readResult struct {
	n   int
	err error
}

func (p *patientReader) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	if p.before != nil {
		p.before()
	}
	if len(p.buf) < len(b) {
		p.buf = make([]byte, len(b))
	}
	if p.done == nil {
		p.done = make(chan readResult, 1)
	}
	buf := p.buf[:len(b)]
	go func() {
		n, err := p.r.Read(buf)
		p.done <- readResult{n, err}
	}()
	select {
	case <-p.ctx.Done():
		return 0, p.ctx.Err()
	case r := <-p.done:
		return copy(b, buf[:r.n]), r.err
	}
}

// isTerminal reports whether a person sits behind a stream.
func isTerminal(stream any) bool {
	if c, ok := stream.(*checkedWriter); ok {
		stream = c.w
	}
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
