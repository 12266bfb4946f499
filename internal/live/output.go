package live

import (
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// output is the response of a stream.
//
// Over HTTP/1.1, it takes the connection over once the head is sent: a piece is then a chunk of its own in one write, where
// net/http would copy it into two buffers of each connection first, which costs more than the piece. All else is written through
// net/http.
type output struct {
	w       http.ResponseWriter
	control *http.ResponseController
	now     func() time.Time
	wrote   time.Time // when the last bytes were
	bounded time.Time // when the deadline was set

	conn   net.Conn // nil where the response is net/http's
	broken bool     // a chunk may have been cut off
	left   chan struct{}
}

// chunkRoom is what a piece begins with: room for a chunk's size in so many hexadecimal digits, and the end of that line.
const (
	chunkDigits = 8
	chunkRoom   = chunkDigits + len(lineEnd)
	lineEnd     = "\r\n"
	lastChunk   = "0" + lineEnd + lineEnd
)

// heardBytesMax is what a client may send after its request, of which nothing is expected.
const heardBytesMax = 64 << 10

// buffers hold pieces on their way out; a stream has none of its own, since it mostly waits.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// newPiece gives an empty piece.
func newPiece() *[]byte {
	piece := buffers.Get().(*[]byte)
	*piece = append((*piece)[:0], "00000000\r\n"...)
	return piece
}

// open sends the head of the response and its first event. gone is called once the client has left, where net/http doesn't notice.
func (o *output) open(r *http.Request, first string, gone func()) error {
	header := o.w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // for proxies that would collect
	own := r.Method == http.MethodGet && r.ProtoMajor == 1 && r.ProtoMinor == 1
	if own {
		header.Set("Connection", "close") // nothing can come after it
	}
	o.w.WriteHeader(http.StatusOK)
	if err := o.sendText(first); err != nil || !own {
		return err
	}
	if conn, _, err := o.control.Hijack(); err == nil { // tests have writers that can't be taken over
		o.conn, o.left = conn, make(chan struct{})
		o.bounded = time.Time{} // the deadline went with net/http
		go o.listen(gone)
	}
	return nil
}

// listen waits until the client closes its side.
func (o *output) listen(gone func()) {
	defer close(o.left)
	var heard [64]byte
	for total := 0; total <= heardBytesMax; {
		n, err := o.conn.Read(heard[:])
		if err != nil {
			break
		}
		total += n
	}
	gone()
}

// close ends the response.
func (o *output) close() {
	if o.conn == nil {
		return // net/http does
	}
	if !o.broken && o.bound() == nil {
		_, _ = o.conn.Write([]byte(lastChunk)) // who has left doesn't need it
	}
	_ = o.conn.Close() // nothing is left to be said
	<-o.left
}

func (o *output) sendText(events string) error {
	piece := newPiece()
	*piece = append(*piece, events...)
	return o.send(piece)
}

// send writes a piece and takes it back. A viewer that takes no bytes for long is let go.
func (o *output) send(piece *[]byte) error {
	if err := o.bound(); err != nil {
		return err
	}
	err := o.write(piece)
	if cap(*piece) <= frameBytesMax {
		buffers.Put(piece)
	}
	return err
}

func (o *output) write(piece *[]byte) error {
	if o.conn == nil {
		if _, err := o.w.Write((*piece)[chunkRoom:]); err != nil {
			return err
		}
		return o.control.Flush()
	}
	const digits = "0123456789abcdef"
	for i, size := chunkDigits-1, len(*piece)-chunkRoom; size > 0; i, size = i-1, size>>4 {
		(*piece)[i] = digits[size&0xF]
	}
	*piece = append(*piece, lineEnd...)
	o.broken = true
	_, err := o.conn.Write(*piece)
	o.broken = err != nil
	return err
}

// bound sets the deadline of what is written next.
func (o *output) bound() error {
	now := o.now()
	o.wrote = now
	if now.Sub(o.bounded) < writeTimeoutSlack {
		return nil
	}
	o.bounded = now
	if o.conn != nil {
		return o.conn.SetWriteDeadline(now.Add(writeTimeout))
	}
	// Writers without deadlines, as tests have them, are written to as they are.
	if err := o.control.SetWriteDeadline(now.Add(writeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}
