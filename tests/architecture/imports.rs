//! Reads the imports of each source file with `syn`, and resolves them to files.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, File, Item, ItemUse, Macro, Path, UseTree, Visibility};

/// A path that a file mentions, in a `use`, an expression, a type, an attribute or a macro.
#[derive(Clone, Debug)]
pub struct Import {
    pub line: usize,
    /// Starts with `crate` or the name of another crate.
    pub path: Vec<String>,
    /// Whether this is a `pub use`, which passes a name on and is not a dependency.
    pub is_reexport: bool,
}

/// The imports of all source files, without those of `#[cfg(test)]` items.
pub struct SourceTree {
    imports: BTreeMap<String, Vec<Import>>,
    files_by_module: HashMap<Vec<String>, String>,
}

impl SourceTree {
    /// Parses `sources`, a map from path to text. Files of test modules are left out.
    pub fn parse(sources: &BTreeMap<String, String>) -> Self {
        let mut imports = BTreeMap::new();
        let mut test_files = BTreeSet::new();
        let mut files_by_module = HashMap::new();
        for (file, text) in sources {
            let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
            let module = module_of(file);
            test_files.extend(test_modules(&parsed).map(|name| joined(&module, &name)));
            let mut collector = Collector::new(module.clone());
            collector.visit_file(&parsed);
            imports.insert(file.clone(), collector.imports);
            files_by_module.insert(module, file.clone());
        }
        let is_test = |file: &String| {
            let module = module_of(file);
            let path_attribute = file.ends_with("_tests.rs");
            path_attribute || test_files.iter().any(|test| module.starts_with(test))
        };
        imports.retain(|file, _| !is_test(file));
        Self {
            imports,
            files_by_module,
        }
    }

    pub fn files(&self) -> impl Iterator<Item = (&str, &[Import])> {
        self.imports
            .iter()
            .map(|(file, imports)| (file.as_str(), imports.as_slice()))
    }

    /// Returns for each file the other files that it depends on.
    pub fn edges(&self) -> BTreeMap<String, BTreeSet<String>> {
        let targets = |file: &str, imports: &[Import]| {
            imports
                .iter()
                .filter(|import| !import.is_reexport)
                .filter_map(|import| self.resolve(&import.path, 0))
                .filter(|target| target != file && self.imports.contains_key(target))
                .collect()
        };
        self.files()
            .map(|(file, imports)| (file.to_owned(), targets(file, imports)))
            .collect()
    }

    /// Returns the imports between the files of a cycle, a line each.
    pub fn describe_cycle(&self, group: &[String]) -> String {
        let mut lines = vec![format!("cycle of {} files:", group.len())];
        for file in group {
            for import in self.imports.get(file).into_iter().flatten() {
                let target = self.resolve(&import.path, 0).unwrap_or_default();
                if !import.is_reexport && target != *file && group.contains(&target) {
                    let path = import.path.join("::");
                    lines.push(format!("  {file}:{} {path} → {target}", import.line));
                }
            }
        }
        lines.join("\n")
    }

    /// Returns the file that defines `path`, following re-exports.
    fn resolve(&self, path: &[String], depth: usize) -> Option<String> {
        if path.first().is_none_or(|first| first != "crate") || depth > 8 {
            return None;
        }
        let inner = &path[1..];
        let (length, file) = (0..=inner.len())
            .rev()
            .find_map(|length| Some((length, self.files_by_module.get(&inner[..length])?)))?;
        let Some(name) = inner.get(length) else {
            return Some(file.clone());
        };
        let reexport = self
            .imports
            .get(file)?
            .iter()
            .find(|import| import.is_reexport && import.path.last() == Some(name));
        match reexport {
            Some(import) => self.resolve(&import.path, depth + 1),
            None => Some(file.clone()),
        }
    }
}

fn joined(module: &[String], name: &str) -> Vec<String> {
    let mut joined = module.to_vec();
    joined.push(name.to_owned());
    joined
}

/// Returns `["store", "db"]` for `src/store/db/mod.rs`, and nothing for `src/lib.rs`.
fn module_of(file: &str) -> Vec<String> {
    let inside = file.strip_prefix("src/").unwrap_or(file);
    let inside = inside.strip_suffix(".rs").unwrap_or(inside);
    let inside = inside.strip_suffix("/mod").unwrap_or(inside);
    match inside {
        "lib" => Vec::new(),
        _ => inside.split('/').map(str::to_owned).collect(),
    }
}

fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<Path>()
                .is_ok_and(|condition| condition.is_ident("test"))
    })
}

fn test_modules(file: &File) -> impl Iterator<Item = String> {
    file.items.iter().filter_map(|item| match item {
        Item::Mod(module) if is_test_only(&module.attrs) => Some(module.ident.to_string()),
        _ => None,
    })
}

struct Collector {
    /// The module of the file, and of inline modules inside it.
    module: Vec<String>,
    children: BTreeSet<String>,
    imports: Vec<Import>,
}

impl Collector {
    fn new(module: Vec<String>) -> Self {
        Self {
            module,
            children: BTreeSet::new(),
            imports: Vec::new(),
        }
    }

    /// Records a path, made absolute if it starts with `self`, `super` or a child module.
    fn record(&mut self, line: usize, mut path: Vec<String>, is_reexport: bool) {
        let mut base = self.module.clone();
        match path[0].as_str() {
            "crate" | "broadsheet" => path[0] = "crate".into(),
            "self" => {
                path.remove(0);
                path.splice(0..0, std::iter::once("crate".to_owned()).chain(base));
            }
            "super" => {
                while path.first().is_some_and(|first| first == "super") {
                    path.remove(0);
                    base.pop();
                }
                path.splice(0..0, std::iter::once("crate".to_owned()).chain(base));
            }
            first if self.children.contains(first) => {
                path.splice(0..0, std::iter::once("crate".to_owned()).chain(base));
            }
            _ => {}
        }
        self.imports.push(Import {
            line,
            path,
            is_reexport,
        });
    }

    fn record_use(&mut self, tree: &UseTree, prefix: &[String], line: usize, is_reexport: bool) {
        match tree {
            UseTree::Path(path) => {
                let prefix = joined(prefix, &path.ident.to_string());
                self.record_use(&path.tree, &prefix, line, is_reexport);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.record_use(tree, prefix, line, is_reexport);
                }
            }
            UseTree::Name(name) if name.ident == "self" => {
                self.record(line, prefix.to_vec(), is_reexport);
            }
            UseTree::Name(name) => {
                self.record(line, joined(prefix, &name.ident.to_string()), is_reexport);
            }
            UseTree::Rename(rename) => {
                self.record(line, joined(prefix, &rename.ident.to_string()), is_reexport);
            }
            UseTree::Glob(_) => self.record(line, prefix.to_vec(), is_reexport),
        }
    }

    /// Finds `a::b` sequences in tokens that syn does not parse.
    fn record_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut line = 0;
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.flush(&mut path, line);
                        line = name.span().start().line;
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(sign) if sign.as_char() == ':' && !path.is_empty() => colons += 1,
                TokenTree::Group(group) => {
                    self.flush(&mut path, line);
                    self.record_tokens(group.stream());
                    colons = 0;
                }
                _ => {
                    self.flush(&mut path, line);
                    colons = 0;
                }
            }
        }
        self.flush(&mut path, line);
    }

    fn flush(&mut self, path: &mut Vec<String>, line: usize) {
        if path.len() > 1 {
            self.record(line, std::mem::take(path), false);
        }
        path.clear();
    }
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_file(&mut self, file: &'ast File) {
        for item in &file.items {
            if let Item::Mod(module) = item
                && module.content.is_none()
            {
                self.children.insert(module.ident.to_string());
            }
        }
        visit::visit_file(self, file);
    }

    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Const(item) => &item.attrs,
            Item::Struct(item) => &item.attrs,
            Item::Enum(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_test_only(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_test_only(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.content.is_some() {
            self.module.push(module.ident.to_string());
            visit::visit_item_mod(self, module);
            self.module.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let line = item.use_token.span.start().line;
        let is_reexport = !matches!(item.vis, Visibility::Inherited);
        self.record_use(&item.tree, &[], line, is_reexport);
    }

    fn visit_path(&mut self, path: &'ast Path) {
        if path.segments.len() > 1 {
            let line = path.segments[0].ident.span().start().line;
            let names = path.segments.iter().map(|it| it.ident.to_string());
            self.record(line, names.collect(), false);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invocation: &'ast Macro) {
        self.record_tokens(invocation.tokens.clone());
        visit::visit_macro(self, invocation);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Ok(list) = attribute.meta.require_list() {
            self.record_tokens(list.tokens.clone());
        }
        visit::visit_attribute(self, attribute);
    }
}
