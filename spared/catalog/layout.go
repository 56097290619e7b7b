package catalog

import (
	"path"
	"strings"
)

// rule says which member of an archive becomes which file of a slide.
type rule struct {
	// member is matched against the end of a member's path, element by element
	// (path.Match), after the names in braces are filled in: {slide}, {tissue},
	// {alias}, which is the author's own name of the slide, and so on (see
	// names). The folders
	// before it are free: some records wrap everything in a folder that is
	// called like their title, and Space Ranger's outs may lie in between.
	member string
	target string // place in the slide's folder
	needed bool   // without it the slide cannot be read
}

// spaceRanger are the rules of an archive in which each slide has a Space
// Ranger folder, given as the pattern of its path.
func spaceRanger(folder string) []rule {
	var rules []rule
	for _, f := range []string{folder, folder + "/outs"} {
		rules = append(rules, counts(f)...)
		rules = append(rules, spatial(f+"/spatial")...)
	}
	return rules
}

func counts(folder string) []rule {
	return []rule{{folder + "/filtered_feature_bc_matrix.h5", "filtered_feature_bc_matrix.h5", true}}
}

func spatial(folder string) []rule {
	return []rule{
		{folder + "/tissue_positions_list.csv", "spatial/tissue_positions_list.csv", true},
		{folder + "/tissue_positions.csv", "spatial/tissue_positions_list.csv", true},
		{folder + "/scalefactors_json.json", "spatial/scalefactors_json.json", true},
		{folder + "/tissue_hires_image.png", "spatial/tissue_hires_image.png", false},
		{folder + "/tissue_lowres_image.png", "spatial/tissue_lowres_image.png", false},
	}
}

// fullRes is the name that package visium knows a full-resolution picture by.
const fullRes = "source_image.jpg"

// rules returns the layout of the author's archives, as the readers of SpaRED
// (spared/readers) take them apart.
func (d Dataset) rules() []rule {
	switch d.Source.Name {
	case "10x": // <sample>_spatial.tar.gz; counts and picture are downloads of their own
		return spatial("spatial")
	case "abalo": // <slide>/{filtered_feature_bc_matrix.h5, spatial/, *.jpg}
		return append(spaceRanger("{slide}"), rule{"{slide}/*.jpg", fullRes, false})
	case "erickson":
		return append(erickson("Patient 1/Visium_with_annotation", "Patient_1/Visium", "Patient 1", "P1"),
			erickson("Patient 2", "Patient_2", "Patient 2", "P2")...)
	case "fan": // Ex-ST/processed_data/spaceranger_output/*modif*HC1*/ and Ex-ST/raw_imgs/*modif*_HC1_A1.jpg
		return append(append(spaceRanger("spaceranger_output/*modif*{alias}"), spaceRanger("spaceranger_output/*modif*{alias}_*")...),
			rule{"raw_imgs/*modif*{alias}_{place}.jpg", fullRes, false})
	case "mirzazadeh": // spaceranger_output/<tissue>.tar.gz, images/<tissue>/<slide>*, smallintestine/<slide>*
		return append(spaceRanger("{tissue}/{slide}"),
			rule{"spaceranger_output/{tissue}.tar.gz", nested, true},
			rule{"images/{imagefolder}/{slide}*", fullRes, false},
			rule{"smallintestine/{slide}*", fullRes, false},
			rule{"smallintestine/{alias}*", fullRes, false})
	case "parigi": // GSM<n>_V19S23-097_<slide>_*.gz, side by side
		return []rule{
			{"GSM*_{slide}_normalized_data.tsv.gz", parigiTable, true},
			{"GSM*_{slide}_tissue_positions_list.csv.gz", "spatial/tissue_positions_list.csv", true},
			{"GSM*_{slide}_scalefactors_json.json.gz", "spatial/scalefactors_json.json", true},
			{"GSM*_{slide}_*_rotated.tif.gz", "image.tif", false},
		}
	case "villacampa": // data.tar.gz: data/<tissue>/<slide>/; images.tar.gz: images/<slide>.jpg
		return append(spaceRanger("data/{tissue}/{slide}"), rule{"images/{slide}.jpg", fullRes, false})
	}
	return nil // vicari: no archive
}

// nested is the target of an archive within an archive.
const nested = "\x00nested"

// erickson are the rules of one patient: a folder a section for the counts,
// and two more folders for the pictures. A section's name stands somewhere in
// the names.
func erickson(counted, pictures, hires, patient string) []rule {
	sections := "Count_matrices/" + counted + "/*{" + patient + "}*"
	return append(append(counts(sections), spatial(sections)[:3]...),
		rule{"Histological_images/" + pictures + "/*{" + patient + "}*.jpg", fullRes, false},
		rule{"10x_spaceranger_tissue_highres_images/" + hires + "/*{" + patient + "}*", "spatial/tissue_hires_image.png", false})
}

// names are what stands for the names in braces for a slide.
func (d Dataset) names(slide string) map[string]string {
	first, place, _ := strings.Cut(slide, "_")
	n := map[string]string{"slide": slide, "tissue": d.tissue, "imagefolder": d.tissue, "place": place}
	switch d.Source.Name {
	case "erickson": // P1_H1-5 is section H1_5 of patient 1
		n[first] = strings.ReplaceAll(place, "-", "_")
	case "fan":
		n["alias"] = map[string]string{"HC_A1": "HC1", "HC_B1": "HC2", "MOB_C1": "MOB1", "MOB_D1": "MOB2"}[slide]
	case "mirzazadeh":
		n["alias"] = strings.ReplaceAll(slide, "-", "_") // some pictures: V19T26_028_B1
		if d.tissue == "prostatecancer" {
			n["imagefolder"] = "prostate cancer"
		}
	}
	return n
}

// pattern is a rule for one slide, taken apart.
type pattern struct {
	rule
	slide    string
	elements []string
}

// patterns returns the rules for the slides. Rules with a name that means
// nothing for a slide are not for it.
func (d Dataset) patterns(slides []string) []pattern {
	var out []pattern
	for _, slide := range slides {
		names := d.names(slide)
		for _, r := range d.rules() {
			member := r.member
			for name, text := range names {
				if text != "" {
					member = strings.ReplaceAll(member, "{"+name+"}", text)
				}
			}
			if strings.Contains(member, "{") {
				continue
			}
			out = append(out, pattern{rule{member, r.target, r.needed}, slide, strings.Split(member, "/")})
		}
	}
	return out
}

// match tells whether a member's path ends like the pattern.
func (p pattern) match(member string) bool {
	elements := strings.Split(member, "/")
	if len(elements) < len(p.elements) {
		return false
	}
	elements = elements[len(elements)-len(p.elements):]
	for i, want := range p.elements {
		if ok, err := path.Match(want, elements[i]); err != nil || !ok {
			return false
		}
	}
	return true
}
