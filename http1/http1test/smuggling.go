package http1test

import (
	"fmt"
	"strings"
)

// Smuggled is a request within others, which no recipient should read as one of its own where another on the way has not.
const Smuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"

// Attacks returns streams by which a request is smuggled past a peer that reads otherwise, by the name of their family. Behind each comes
// what another caller sends, probe. The requests around the smuggled one are to the path / of the host h.
func Attacks(smuggled, probe string) map[string]string {
	all := map[string]string{}
	for name, stream := range headAttacks(smuggled, probe) {
		all[name] = stream + probe
	}
	for name, body := range chunkAttacks(smuggled) {
		all[name] = post(body, chunked) + probe
	}
	for name, value := range codings() {
		chunks := "0\r\n\r\n" + smuggled
		all["TE.TE, "+name] = post(chunks, value, fmt.Sprintf("Content-Length: %d", len(chunks))) + probe
		all["TE.0, "+name] = post(fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(smuggled), smuggled), value) + probe
	}
	for name, lines := range lengthPairs() {
		all["CL.CL, "+name] = post(smuggled, strings.ReplaceAll(lines, "N", fmt.Sprint(len(smuggled)))) + probe
	}
	return all
}

func headAttacks(smuggled, probe string) map[string]string {
	n := len(smuggled)
	short := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", n, smuggled)
	return map[string]string{
		"CL.TE":                      post("0\r\n\r\n"+smuggled, fmt.Sprintf("Content-Length: %d", n+5), chunked),
		"CL.TE, the other order":     post("0\r\n\r\n"+smuggled, chunked, fmt.Sprintf("Content-Length: %d", n+5)),
		"TE.CL":                      post(short, chunked, "Content-Length: 4"),
		"TE.CL, the other order":     post(short, "Content-Length: 4", chunked),
		"CL.0":                       post(smuggled, fmt.Sprintf("Content-Length: %d", n)),
		"0.CL":                       get(fmt.Sprintf("Content-Length: %d", len(probe))),
		"0.CL, Expect":               post(smuggled, fmt.Sprintf("Content-Length: %d", n), "Expect: 100-continue"),
		"0.CL, Expect of more":       post(smuggled, fmt.Sprintf("Content-Length: %d", n), "Expect: y 100-continue"),
		"0.CL, Expect on two lines":  post(smuggled, fmt.Sprintf("Content-Length: %d", n), "Expect:", " 100-continue"),
		"TE.CL in HTTP/1.0":          message("POST / HTTP/1.0", chunked, fmt.Sprintf("Content-Length: %d", len(short)), "Connection: keep-alive") + short,
		"TE in HTTP/1.0":             message("POST / HTTP/1.0", chunked, "Connection: keep-alive") + short,
		"length dropped by name":     post(smuggled, fmt.Sprintf("Content-Length: %d", n), "Connection: Content-Length"),
		"encoding dropped by name":   post(short, chunked, "Connection: Transfer-Encoding"),
		"folded length":              post(smuggled, "X: 1", fmt.Sprintf(" Content-Length: %d", n)),
		"folded encoding":            post(short, "X: 1", " "+chunked),
		"folded Host":                "GET / HTTP/1.1\r\nHost: h\r\n Host: evil\r\n\r\n",
		"length behind a line feed":  post(smuggled, fmt.Sprintf("X: 1\nContent-Length: %d", n)),
		"length behind a return":     post(smuggled, fmt.Sprintf("X: 1\rContent-Length: %d", n)),
		"encoding behind a return":   post(short, "X: 1\r"+chunked),
		"encoding behind NUL":        post(short, "X: 1\x00\r\n"+chunked),
		"blank before a colon":       post(smuggled, fmt.Sprintf("Content-Length : %d", n)),
		"request in a field":         get("X: 1\n\n" + strings.TrimSuffix(smuggled, "\r\n\r\n")),
		"request in a field, CR":     get("X: 1\r\r" + strings.TrimSuffix(smuggled, "\r\n\r\n")),
		"request in a target":        as("GET /\nHost:h\n\n" + smuggled),
		"request behind a version":   "GET / HTTP/1.1\n\n" + smuggled,
		"absolute form, other Host":  message("GET http://evil/ HTTP/1.1"),
		"length with an underscore":  post(smuggled, "Content_Length: 0"),
		"preface of HTTP/2":          "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + smuggled,
		"upgrade to h2c":             get("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__") + smuggled,
		"early end of a header":      "POST / HTTP/1.1\r\nHost: h\r\n\n" + smuggled,
		"line end before a request":  "\r\n" + smuggled,
		"two Hosts":                  "GET / HTTP/1.1\r\nHost: h\r\nHost: evil\r\n\r\n",
		"request in a Host":          "GET / HTTP/1.1\r\nHost: h\n\n" + smuggled,
		"a body without a framing":   post(smuggled),
		"CONNECT and a request":      "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n" + smuggled,
		"HEAD and a request":         message("HEAD / HTTP/1.1") + smuggled,
		"answer as a request":        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" + smuggled,
		"length of 2^64 and a few":   post(smuggled, fmt.Sprintf("Content-Length: 184467440737095516%d", 16+n)),
		"length, then a close":       post(smuggled, fmt.Sprintf("Content-Length: %d", n), "Connection: close"),
		"bare line feeds in a whole": strings.ReplaceAll(post("", chunked), "\r\n", "\n") + short,
	}
}

// chunkAttacks are bodies in chunks: those of TERM.EXT, EXT.TERM, TERM.SPILL, SPILL.TERM, ONE.TWO and TWO.ONE, sizes and trailers.
func chunkAttacks(smuggled string) map[string]string {
	n := len(smuggled)
	return map[string]string{
		"TERM.EXT, line feed":         "2;\nxx\r\n" + fmt.Sprintf("%x", n+5) + "\r\n0\r\n\r\n" + smuggled + "\r\n0\r\n\r\n",
		"EXT.TERM, line feed":         "2;a\nxx;" + strings.Repeat("x", 40) + "\r\nxx\r\n0\r\n\r\n" + smuggled + "\r\n0\r\n\r\n",
		"TERM.EXT, return":            "2;\rxx\r\n" + fmt.Sprintf("%x", n+5) + "\r\n0\r\n\r\n" + smuggled + "\r\n0\r\n\r\n",
		"TERM.EXT, line feed, return": "2;\n\rxx\r\n0\r\n\r\n" + smuggled,
		"EXT in quotes":               "2;a=\"\r\nxx\r\n0\r\n\r\n" + smuggled + "\"\r\n0\r\n\r\n",
		"TERM without an extension":   "2\nxx\n0\n\n" + smuggled,
		"SPILL.TERM":                  "5\r\nAAAAAXX2\r\n45\r\n0\r\n\r\n" + smuggled + "\r\n0\r\n\r\n",
		"TERM.SPILL":                  "5\r\nAAAAA2\r\n45\r\n0\r\n\r\n" + smuggled + "\r\n0\r\n\r\n",
		"ONE.TWO":                     "2\r\nxx\n0\r\n\r\n" + smuggled,
		"TWO.ONE":                     "2\r\nxx\n\n0\r\n\r\n" + smuggled,
		"ZERO.TWO":                    "2\r\nxx0\r\n\r\n" + smuggled,
		"end of a return":             "2\r\nxx\r\r0\r\n\r\n" + smuggled,
		"size wraps at 64 bits":       "10000000000000002\r\nxx\r\n0\r\n\r\n" + smuggled,
		"size wraps at 32 bits":       "100000002\r\nxx\r\n0\r\n\r\n" + smuggled,
		"size of -1":                  "ffffffffffffffff\r\nxx\r\n0\r\n\r\n" + smuggled,
		"size with 0x":                "0x2\r\nxx\r\n0\r\n\r\n" + smuggled,
		"size with a sign":            "+2\r\nxx\r\n0\r\n\r\n" + smuggled,
		"size with a blank":           " 2\r\nxx\r\n0\r\n\r\n" + smuggled,
		"size with blanks behind":     "2 \r\nxx\r\n0 \r\n\r\n" + smuggled,
		"size with junk behind":       "2x\r\nxx\r\n0\r\n\r\n" + smuggled,
		"size with an underscore":     "0_2e\r\nxx\r\n0\r\n\r\n" + smuggled,
		"no size":                     "\r\nxx\r\n0\r\n\r\n" + smuggled,
		"last size of junk":           "2\r\nxx\r\n0x\r\n\r\n" + smuggled,
		"trailer that is a length":    "0\r\nContent-Length: 40\r\n\r\n",
		"trailer that is an encoding": "0\r\nTransfer-Encoding: chunked\r\n\r\n",
		"trailer that is a Host":      "0\r\nHost: evil\r\n\r\n",
		"trailer that is a request":   "0\r\n" + smuggled,
		"trailer behind a line feed":  "0\r\nX: 1\n\r\n" + smuggled,
		"trailer ends at line feeds":  "0\r\nX: 1\n\n" + smuggled,
		"trailer of two bytes":        "0\r\nXX" + smuggled,
		"last line feed":              "0\r\n\n" + smuggled,
		"last line feeds":             "0\n\n" + smuggled,
	}
}

// codings are ways to write an encoding that some take for chunked and some do not.
func codings() map[string]string {
	return map[string]string{
		"none":                      "Transfer-Encoding: chunked",
		"twice":                     "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
		"another behind":            "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow",
		"another in front":          "Transfer-Encoding: cow\r\nTransfer-Encoding: chunked",
		"in a list":                 "Transfer-Encoding: cow, chunked",
		"first of a list":           "Transfer-Encoding: chunked, cow",
		"identity":                  "Transfer-Encoding: chunked, identity",
		"empty in a list":           "Transfer-Encoding: chunked,",
		"blank before the colon":    "Transfer-Encoding : chunked",
		"tab before the colon":      "Transfer-Encoding\t: chunked",
		"blank in front":            " Transfer-Encoding: chunked",
		"folded":                    "Transfer-Encoding:\r\n chunked",
		"folded behind":             "Transfer-Encoding: chunked\r\n cow",
		"behind a line feed":        "X: x\nTransfer-Encoding: chunked",
		"behind a return":           "X: x\rTransfer-Encoding: chunked",
		"behind NUL":                "X: x\x00Transfer-Encoding: chunked",
		"NUL behind":                "Transfer-Encoding: chunked\x00",
		"NUL and another":           "Transfer-Encoding: chunked\x00, cow",
		"vertical tab":              "Transfer-Encoding: \vchunked",
		"form feed behind":          "Transfer-Encoding: chunked\f",
		"no-break space":            "Transfer-Encoding: \u00a0chunked",
		"x in front":                "Transfer-Encoding: xchunked",
		"quotes":                    "Transfer-Encoding: \"chunked\"",
		"apostrophes":               "Transfer-Encoding: 'chunked'",
		"parameter":                 "Transfer-Encoding: chunked;a=b",
		"capitals":                  "tRANSFER-eNCODING: cHUNKED",
		"underscore":                "Transfer_Encoding: chunked",
		"Kelvin":                    "Transfer-Encoding: chun\u212aed",
		"two names":                 "Transfer-Encoding: Transfer-Encoding: chunked",
		"name with a byte behind":   "Transfer-Encoding\xff: chunked",
		"empty and chunked":         "Transfer-Encoding:\r\nTransfer-Encoding: chunked",
		"carriage return behind":    "Transfer-Encoding: chunked\r",
		"carriage return in front":  "Transfer-Encoding: \rchunked",
		"no blank behind the colon": "Transfer-Encoding:chunked",
		"two colons":                "Transfer-Encoding:: chunked",
	}
}

// lengthPairs are lengths of which some take one and some another. N is that of the request within.
func lengthPairs() map[string]string {
	return map[string]string{
		"two": "Content-Length: 0\r\nContent-Length: N", "two, the other order": "Content-Length: N\r\nContent-Length: 0",
		"the same": "Content-Length: N\r\nContent-Length: N", "a list": "Content-Length: 0, N", "a list of the same": "Content-Length: N, N",
		"folded": "Content-Length: 0\r\n N", "sign": "Content-Length: +N", "hex": "Content-Length: 0xN", "zeros": "Content-Length: 0N", "blank": "Content-Length: 0 N",
		"point": "Content-Length: N.0", "exponent": "Content-Length: Ne0", "junk": "Content-Length: Nabc", "empty": "Content-Length:\r\nContent-Length: N",
		"vertical tab": "Content-Length: \vN", "NUL": "Content-Length: N\x00", "underscore": "Content-Length: N\r\nContent_Length: 0", "minus": "Content-Length: -N",
		"blank before a colon": "Content-Length : 0\r\nContent-Length: N", "behind a line feed": "Content-Length: 0\nContent-Length: N",
		"behind a return": "Content-Length: 0\rContent-Length: N", "in other digits": "Content-Length: \u0664\u0660", "separator": "Content-Length: 0_N",
	}
}
