package http1test

import (
	"strings"
)

// Requests returns all cases of requests.
func Requests() []Case {
	return join(startLines(), targets(), hosts(), fieldLines(), lengths(), encodings(), chunks(), trailers(), connections(), everyByte(), bounds())
}

func join[T any](parts ...[]T) (all []T) {
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

// get is a GET with these header lines besides Host.
func get(lines ...string) string { return message("GET / HTTP/1.1", lines...) }

// post is a POST with these header lines besides Host, and what follows the header.
func post(rest string, lines ...string) string { return message("POST / HTTP/1.1", lines...) + rest }

func message(line string, lines ...string) string {
	return strings.Join(append([]string{line, "Host: h"}, lines...), "\r\n") + "\r\n\r\n"
}

const chunked = "Transfer-Encoding: chunked"

// as is a request with this start line.
func as(line string) string { return message(line) }

func refused(name, sent string) Case { return Case{Name: name, Sent: sent, End: Refused} }

// repairs is refused, and net/http takes it.
func repairs(name, sent string) Case {
	return Case{Name: name, Sent: sent, End: Refused, Repaired: true}
}

func read(name, sent string, want ...string) Case { return Case{Name: name, Sent: sent, Want: want} }

func broken(name, sent, want string) Case {
	return Case{Name: name, Sent: sent, Want: []string{want}, End: Broken}
}

// repairsBody is broken, and net/http takes it.
func repairsBody(name, sent, want string) Case {
	c := broken(name, sent, want)
	c.Repaired = true
	return c
}

func cut(c Case) Case {
	c.Cut = true
	return c
}

func status(code int, c Case) Case {
	c.Status = code
	return c
}

func closes(c Case) Case {
	c.End = Closes
	return c
}
