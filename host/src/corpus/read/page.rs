//! The tree of a web page, unless it is one that nobody can read in reasonable time.
//!
//! The limits are counts, not times, so that a page gives the same text on every machine.

use super::charset::Scan;
use dom_query::{Document, NodeId};
use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::tree_builder::{ElementFlags, NodeOrText, QuirksMode, TreeBuilderOpts, TreeSink};
use html5ever::{Attribute, ParseOpts, QualName, parse_document};
use memchr::{memchr, memmem};
use std::borrow::Cow;
use std::cell::Cell;

/// Elements around an element. Chromium's parser nests no deeper.
const DEPTH: usize = 512;
/// Elements, texts and comments of a page. The HTML standard, in one page of 13 MB, has half as many.
const NODES: usize = 1_000_000;
/// The depths of all nodes together: what looking for the main text costs.
const DEPTHS: usize = 20_000_000;
/// Attributes of one tag: each is compared with all before it.
const ATTRIBUTES: usize = 2_000;
/// Bytes between two looks at the tree.
const CHUNK_BYTES: usize = 4096;

/// The page's tree, or why there is none.
pub(super) fn parse(html: &str) -> Result<Document, &'static str> {
    if most_attributes(html.as_bytes()) > ATTRIBUTES {
        return Err("a tag has more than 2000 attributes");
    }
    let document = Document::default();
    let last = Cell::new(document.get_document());
    let tree_builder = TreeBuilderOpts { scripting_enabled: false, ..TreeBuilderOpts::default() };
    let options = ParseOpts { tree_builder, ..ParseOpts::default() };
    let mut parser = parse_document(Watched { document, last }, options);
    let mut rest = html;
    while !rest.is_empty() {
        let (chunk, later) = rest.split_at(rest.ceil_char_boundary(CHUNK_BYTES));
        parser.process(StrTendril::from(chunk));
        rest = later;
        let Watched { document, last } = &parser.tokenizer.sink.sink;
        if document.tree.len() > NODES {
            return Err(TOO_MANY);
        }
        if document.tree.ancestor_ids_of_it(&last.get(), None).take(DEPTH + 1).count() > DEPTH {
            return Err(TOO_DEEP);
        }
    }
    let document = parser.finish();
    check(&document).map(|()| document)
}

const TOO_DEEP: &str = "elements are nested more than 512 deep";
const TOO_MANY: &str = "more elements and texts than 1000000, or too many of them deep inside others";

/// Goes through the tree without recursion.
fn check(document: &Document) -> Result<(), &'static str> {
    let (mut depth, mut depths) = (0, 0);
    let mut node = document.root();
    'all: loop {
        depths += depth;
        if depth > DEPTH {
            return Err(TOO_DEEP);
        }
        if depths > DEPTHS {
            return Err(TOO_MANY);
        }
        if let Some(child) = node.first_child() {
            (node, depth) = (child, depth + 1);
            continue;
        }
        loop {
            if let Some(next) = node.next_sibling() {
                node = next;
                continue 'all;
            }
            match node.parent() {
                Some(parent) if depth > 0 => (node, depth) = (parent, depth - 1),
                _ => return Ok(()),
            }
        }
    }
}

/// The attributes of the tag that has the most.
fn most_attributes(html: &[u8]) -> usize {
    let (mut at, mut most) = (0, 0);
    while let Some(next) = html.get(at..).and_then(|rest| memchr(b'<', rest)) {
        at += next;
        let rest = &html[at..];
        if rest.starts_with(b"<!--") {
            at += memmem::find(&rest[2..], b"-->").map_or(rest.len(), |end| end + 2);
            continue;
        }
        let name_at = 1 + usize::from(rest.get(1) == Some(&b'/'));
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric();
        let n_name = rest[name_at.min(rest.len())..].iter().take_while(|byte| is_name(byte)).count();
        if n_name == 0 {
            at += 1;
            continue;
        }
        let name = rest[name_at..name_at + n_name].to_ascii_lowercase();
        let mut tag = Scan { bytes: rest, at: name_at + n_name };
        let mut n = 0;
        while n <= ATTRIBUTES && tag.attribute().is_some() {
            n += 1;
        }
        most = most.max(n);
        at += tag.at;
        if name_at == 1 && [&b"script"[..], b"style"].contains(&name.as_slice()) {
            at += memmem::find(&html[at.min(html.len())..], b"</").unwrap_or_default();
        }
    }
    most
}

/// A document that remembers the element that was made last.
struct Watched {
    document: Document,
    last: Cell<NodeId>,
}

impl TreeSink for Watched {
    type ElemName<'a> = <Document as TreeSink>::ElemName<'a>;
    type Output = Document;
    type Handle = NodeId;

    fn create_element(&self, name: QualName, attributes: Vec<Attribute>, flags: ElementFlags) -> NodeId {
        let element = self.document.create_element(name, attributes, flags);
        self.last.set(element);
        element
    }

    fn finish(self) -> Document {
        self.document
    }

    // a page of nothing but errors would be kept twice
    fn parse_error(&self, _message: Cow<'static, str>) {}

    fn get_document(&self) -> NodeId {
        self.document.get_document()
    }

    fn elem_name<'a>(&'a self, target: &'a NodeId) -> Self::ElemName<'a> {
        self.document.elem_name(target)
    }

    fn create_comment(&self, text: StrTendril) -> NodeId {
        self.document.create_comment(text)
    }

    fn create_pi(&self, target: StrTendril, data: StrTendril) -> NodeId {
        self.document.create_pi(target, data)
    }

    fn append(&self, parent: &NodeId, child: NodeOrText<NodeId>) {
        self.document.append(parent, child);
    }

    fn append_based_on_parent_node(&self, element: &NodeId, before: &NodeId, child: NodeOrText<NodeId>) {
        self.document.append_based_on_parent_node(element, before, child);
    }

    fn append_doctype_to_document(&self, name: StrTendril, public_id: StrTendril, system_id: StrTendril) {
        self.document.append_doctype_to_document(name, public_id, system_id);
    }

    fn get_template_contents(&self, target: &NodeId) -> NodeId {
        self.document.get_template_contents(target)
    }

    fn same_node(&self, one: &NodeId, other: &NodeId) -> bool {
        one == other
    }

    fn set_quirks_mode(&self, mode: QuirksMode) {
        self.document.set_quirks_mode(mode);
    }

    fn append_before_sibling(&self, sibling: &NodeId, child: NodeOrText<NodeId>) {
        self.document.append_before_sibling(sibling, child);
    }

    fn add_attrs_if_missing(&self, target: &NodeId, attributes: Vec<Attribute>) {
        self.document.add_attrs_if_missing(target, attributes);
    }

    fn remove_from_parent(&self, target: &NodeId) {
        self.document.remove_from_parent(target);
    }

    fn reparent_children(&self, node: &NodeId, parent: &NodeId) {
        self.document.reparent_children(node, parent);
    }

    fn is_mathml_annotation_xml_integration_point(&self, node: &NodeId) -> bool {
        self.document.is_mathml_annotation_xml_integration_point(node)
    }
}
