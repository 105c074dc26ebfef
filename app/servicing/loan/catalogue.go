package loan

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"loan310/app/fault"
	"loan310/scoring/verdict"
)

//go:embed products/*.json
var standard embed.FS

// Catalogue is a set of products, every version of each.
type Catalogue struct{ products []Product } // by id, newest version first

// StandardCatalogue gives the products that come with the program.
func StandardCatalogue() (Catalogue, error) {
	folder, err := fs.Sub(standard, "products")
	if err != nil {
		return Catalogue{}, err
	}
	return ReadCatalogue(folder)
}

// ReadCatalogue reads every *.json of a folder, one product a file. Errors are
// fault.Invalid with CodeProduct and name the file and the JSON path, also for
// a version that is there twice.
func ReadCatalogue(folder fs.FS) (Catalogue, error) {
	names, err := fs.Glob(folder, "*.json")
	if err != nil {
		return Catalogue{}, err
	}
	products := make([]Product, 0, len(names))
	for _, name := range names {
		text, err := fs.ReadFile(folder, name)
		if err != nil {
			return Catalogue{}, err
		}
		product, err := ParseProduct(text)
		if err != nil {
			return Catalogue{}, fmt.Errorf("%s: %w", name, err)
		}
		for i := range products {
			if products[i].ID == product.ID && products[i].Version == product.Version {
				return Catalogue{}, fmt.Errorf("%s: %w", name, fault.Field("version", CodeProduct, "version %d of %s is there twice", product.Version, product.ID))
			}
		}
		products = append(products, product)
	}
	slices.SortFunc(products, func(a, b Product) int { return cmp.Or(cmp.Compare(a.ID, b.ID), b.Version-a.Version) })
	return Catalogue{products: products}, nil
}

// Products lists all versions, by id, newest first.
func (c Catalogue) Products() []Product { return slices.Clone(c.products) }

// Product gives one version; version 0 is the newest. False when there is none.
func (c Catalogue) Product(id string, version int) (Product, bool) {
	for i := range c.products {
		if c.products[i].ID == id && (version == 0 || c.products[i].Version == version) {
			return c.products[i], true
		}
	}
	return Product{}, false
}

// For gives the newest version of the first product, by id, that repays that
// way. False when there is none.
func (c Catalogue) For(repayment verdict.RepaymentType) (Product, bool) {
	for i := range c.products {
		if c.products[i].Repayment == repayment {
			return c.products[i], true
		}
	}
	return Product{}, false
}

// ParseProduct reads and checks one product. Errors are fault.Invalid with
// CodeProduct: the field is the JSON path, the message names line and column
// where the text itself is wrong. Unknown fields are refused.
func ParseProduct(text []byte) (Product, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var product Product
	if err := decoder.Decode(&product); err != nil {
		return Product{}, unreadable(text, decoder.InputOffset(), err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Product{}, unreadable(text, decoder.InputOffset(), errors.New("more text after the product"))
	}
	if err := product.Check(); err != nil {
		return Product{}, err
	}
	return product, nil
}

// unreadable says where and why JSON is no product.
func unreadable(text []byte, offset int64, err error) error {
	field := ""
	if wrong, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = wrong.Offset
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		offset, field = wrong.Offset, wrong.Field
	}
	before := text[:min(max(offset, 0), int64(len(text)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return fault.Field(field, CodeProduct, "line %d, column %d: %v", line, column, err)
}
