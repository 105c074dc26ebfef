package utility

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strconv"
)

// maxPlain is the longest document read the quick way; a longer one is
// streamed.
const maxPlain = 1 << 20

// errNotPlain says that a document is left to encoding/xml.
var errNotPlain = errors.New("not plain XML")

// plain reads the tokens of a whole document several times faster than
// encoding/xml, of the part of XML that feeds are mostly written in: ASCII, no
// prefixes, no comments, no sections, no instructions but the usual first one,
// no entities but the five that need no declaration. Of anything else, right
// or wrong, it says errNotPlain; it never reads a document in another way than
// encoding/xml does.
type plain struct {
	text    []byte
	at      int
	names   map[string]string // each name once
	closing string            // of an element without content, still to be closed
}

func newPlain(text []byte) *plain {
	text = bytes.TrimPrefix(text, []byte(`<?xml version="1.0" encoding="UTF-8"?>`))
	return &plain{text: text, names: map[string]string{}}
}

// Token gives the next token, names not yet translated, io.EOF at the end.
func (p *plain) Token() (xml.Token, error) {
	if p.closing != "" {
		end := xml.EndElement{Name: xml.Name{Local: p.closing}}
		p.closing = ""
		return end, nil
	}
	switch {
	case p.at == len(p.text):
		return nil, io.EOF
	case p.text[p.at] != '<':
		text, err := p.run('<')
		if err != nil { // a token beside an error would hide the error
			return nil, err
		}
		return xml.CharData(text), nil
	}
	p.at++
	if p.take('/') {
		name := p.name()
		if name == "" || !p.take('>') {
			return nil, errNotPlain
		}
		return xml.EndElement{Name: xml.Name{Local: name}}, nil
	}
	return p.start()
}

// start reads a start tag after its '<'.
func (p *plain) start() (xml.Token, error) {
	element := xml.StartElement{Name: xml.Name{Local: p.name()}}
	if element.Name.Local == "" {
		return nil, errNotPlain
	}
	for p.take(' ') {
		name := p.name()
		if name == "" || !p.take('=') || !p.take('"') {
			return nil, errNotPlain
		}
		value, err := p.run('"')
		if err != nil || !p.take('"') {
			return nil, errNotPlain
		}
		element.Attr = append(element.Attr, xml.Attr{Name: xml.Name{Local: name}, Value: string(value)})
	}
	if p.take('/') {
		p.closing = element.Name.Local
	}
	if !p.take('>') {
		return nil, errNotPlain
	}
	return element, nil
}

// take steps over a byte if it is the next one.
func (p *plain) take(want byte) bool {
	if p.at < len(p.text) && p.text[p.at] == want {
		p.at++
		return true
	}
	return false
}

// name reads a name, empty when there is none.
func (p *plain) name() string {
	from := p.at
	for p.at < len(p.text) {
		c := p.text[p.at]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_'
		if !letter && (p.at == from || (c < '0' || c > '9') && c != '-' && c != '.') {
			break
		}
		p.at++
	}
	raw := p.text[from:p.at]
	if name, known := p.names[string(raw)]; known {
		return name
	}
	name := string(raw)
	p.names[name] = name
	return name
}

// run reads text or an attribute's value up to a byte that ends it.
func (p *plain) run(end byte) ([]byte, error) {
	from, escaped := p.at, false
	for ; p.at < len(p.text) && p.text[p.at] != end; p.at++ {
		switch c := p.text[p.at]; {
		case c == '&':
			escaped = true
		case c == '<', c == '>': // the latter may close a section that was not opened
			return nil, errNotPlain
		case c == '\n' && end == '<':
		case c < ' ', c > '~':
			return nil, errNotPlain
		}
	}
	raw := p.text[from:p.at]
	if !escaped {
		return raw, nil
	}
	return unescape(raw)
}

// unescape replaces the entities that need no declaration.
func unescape(raw []byte) ([]byte, error) {
	var out []byte
	for {
		before, rest, found := bytes.Cut(raw, []byte("&"))
		out = append(out, before...)
		if !found {
			return out, nil
		}
		entity, after, ended := bytes.Cut(rest, []byte(";"))
		if !ended {
			return nil, errNotPlain
		}
		switch string(entity) {
		case "amp":
			out = append(out, '&')
		case "lt":
			out = append(out, '<')
		case "gt":
			out = append(out, '>')
		case "quot":
			out = append(out, '"')
		case "apos":
			out = append(out, '\'')
		default:
			return nil, errNotPlain
		}
		raw = after
	}
}

// reading reads the content of an IntervalReading as most are written, the
// bulk of a feed: a period of duration and start, then a value, no blanks. Of
// any other it reads nothing and reports false.
func (p *plain) reading() (intervalReading, bool) {
	from := p.at
	var found intervalReading
	value := new(int64)
	ok := p.literal("<timePeriod><duration>") && p.number(&found.Period.Duration) &&
		p.literal("</duration><start>") && p.number(&found.Period.Start) &&
		p.literal("</start></timePeriod><value>") && p.number(value) &&
		p.literal("</value>") && bytes.HasPrefix(p.text[p.at:], []byte("</IntervalReading>"))
	if !ok || p.closing != "" {
		p.at = from
		return intervalReading{}, false
	}
	found.Value = value
	return found, true
}

func (p *plain) literal(text string) bool {
	if len(p.text)-p.at < len(text) || string(p.text[p.at:p.at+len(text)]) != text {
		return false
	}
	p.at += len(text)
	return true
}

// number reads digits.
func (p *plain) number(into *int64) bool {
	from := p.at
	for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
		p.at++
	}
	var err error
	*into, err = strconv.ParseInt(string(p.text[from:p.at]), 10, 64)
	return err == nil
}
