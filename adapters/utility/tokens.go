package utility

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"loan310/app/money"
)

// children calls visit for each child of the element just opened; visit must
// read the child to its end.
func children(decoder *xml.Decoder, visit func(xml.StartElement) error) error {
	for {
		token, err := decoder.Token()
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.StartElement:
			if err := visit(token); err != nil {
				return err
			}
		case xml.EndElement:
			return nil
		}
	}
}

// nextStart finds the next element at this level, io.EOF at the end of input.
func nextStart(decoder *xml.Decoder) (xml.StartElement, error) {
	for {
		token, err := decoder.Token()
		if err != nil {
			return xml.StartElement{}, err
		}
		if start, ok := token.(xml.StartElement); ok {
			return start, nil
		}
	}
}

// broken turns an error of the decoder into one without the feed's values;
// errors of the connection stay as they are.
func broken(err error) error {
	if errors.Is(err, errMalformed) {
		return err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return malformed("the document ends early")
	}
	if syntax, ok := errors.AsType[*xml.SyntaxError](err); ok {
		if strings.HasSuffix(syntax.Msg, "unexpected EOF") {
			return malformed("the document ends early")
		}
		return malformed("not XML at line %d", syntax.Line)
	}
	if isNumberError(err) {
		return malformed("a value that is not a number of its kind")
	}
	return fmt.Errorf("read feed: %w", err)
}

// plausible tells whether seconds since 1970 lie within 1970..2200.
func plausible(seconds int64) bool { return seconds >= 0 && seconds < 7_258_118_400 }

func moment(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// fen converts ESPI money, hundred-thousandths of the currency, rounded half
// away from zero.
func fen(value int64) money.Amount { return money.MulDiv(money.Amount(value), 1, 1_000) }

func isNumberError(err error) bool {
	_, ok := errors.AsType[*strconv.NumError](err)
	return ok
}
