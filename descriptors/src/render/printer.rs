//! The page: lines, indentation, comments, blocks; and whole files.

use std::{cell::RefCell, fmt::Write};

use super::{
    MOST_DEPTH, WIDTH,
    body::Children,
    comments::{Comments, Locations},
    definitions::Definitions,
    join,
    options::{Options, Setting},
    steers,
};
use crate::raw;

/// Prints elements of one file.
pub(super) struct Printer<'f, 's> {
    pub(super) definitions: &'f Definitions<'s>,
    pub(super) file: &'f raw::File<'f>,
    pub(super) comments: Comments<'f>,
    locations: Option<Locations<'f>>,
    pub(super) children: RefCell<Children<'f>>,
    out: String,
    depth: usize,
    /// Whether a block was just opened, or nothing is printed yet: no blank line is due.
    fresh: bool,
}

impl<'f, 's> Printer<'f, 's> {
    pub(super) fn new(definitions: &'f Definitions<'s>, file: &'f raw::File<'f>) -> Self {
        Self {
            definitions,
            file,
            comments: Comments::default(),
            locations: None,
            children: RefCell::default(),
            out: String::new(),
            depth: 0,
            fresh: true,
        }
    }

    /// Gets the comments of `root` and of what is inside it ready.
    pub(super) fn within(&mut self, root: &[i32]) {
        let locations = self
            .locations
            .get_or_insert_with(|| Locations::of(&self.file.source_info));
        self.comments = locations.within(root);
    }

    /// What is printed so far; the next page is a new one.
    pub(super) fn take(&mut self) -> String {
        self.fresh = true;
        std::mem::take(&mut self.out)
    }

    pub(super) fn indent(&self) -> usize {
        self.depth * 2
    }

    /// One line, or several that are indented already but for the first.
    pub(super) fn line(&mut self, text: &str) {
        let indent = self.indent();
        let _ = writeln!(self.out, "{:indent$}{text}", "");
        self.fresh = false;
    }

    /// A blank line between elements.
    pub(super) fn blank(&mut self) {
        if !self.fresh {
            self.out.push('\n');
            self.fresh = true;
        }
    }

    /// The comments of an element; a blank line sets those off from what stands before.
    pub(super) fn lead(&mut self, path: &[i32]) {
        let comments: Vec<_> = self.comments.of(path).filter(|text| !text.trim().is_empty()).collect();
        if comments.is_empty() {
            return;
        }
        self.blank();
        self.comment(&comments.join("\n"));
    }

    pub(super) fn comment(&mut self, text: &str) {
        for line in text.trim_end().split('\n') {
            let line = line.trim_end();
            let space = if line.is_empty() || line.starts_with([' ', '\t']) {
                ""
            } else {
                " "
            };
            let mut escaped = String::with_capacity(line.len());
            for character in line.chars() {
                match character {
                    '\t' => escaped.push(character),
                    character if steers(character) => escaped.extend(character.escape_default()),
                    character => escaped.push(character),
                }
            }
            self.line(&format!("//{space}{escaped}"));
        }
    }

    /// `head { ... }`, on two lines at least.
    pub(super) fn block(&mut self, head: &str, body: impl FnOnce(&mut Self)) {
        self.line(&format!("{head} {{"));
        self.depth += 1;
        self.fresh = true;
        if self.depth < MOST_DEPTH {
            body(self);
        } else {
            self.comment("Nested too deeply to show.");
        }
        self.depth -= 1;
        self.fresh = false;
        self.line("}");
    }

    /// `option NAME = VALUE;` for each option of an element.
    pub(super) fn option_lines(&mut self, options: &Options) {
        for setting in &options.settings {
            let value = setting.value.block(self.indent());
            self.line(&format!("option {} = {value};", setting.name));
        }
        self.unknown_options(options);
    }

    /// Options without a definition, as comments: proto source can't name them.
    pub(super) fn unknown_options(&mut self, options: &Options) {
        for (number, value) in &options.unknown {
            self.comment(&format!("Option {number} = {value}, whose definition is not loaded."));
        }
    }

    /// `head [NAME = VALUE, ...];`
    pub(super) fn statement(&mut self, head: &str, settings: &[Setting]) {
        let text = self.with_settings(head, settings);
        self.line(&format!("{text};"));
    }

    /// `head [NAME = VALUE, ...]`, on several lines if one is too short.
    pub(super) fn with_settings(&self, head: &str, settings: &[Setting]) -> String {
        if settings.is_empty() {
            return head.to_owned();
        }
        let inline: Vec<_> = settings.iter().map(Setting::inline).collect();
        let line = format!("{head} [{}]", inline.join(", "));
        if self.indent() + line.len() <= WIDTH {
            return line;
        }
        let indent = self.indent() + 2;
        let mut text = format!("{head} [\n");
        for (number, setting) in settings.iter().enumerate() {
            let comma = if number + 1 < settings.len() { "," } else { "" };
            let value = setting.value.block(indent);
            let _ = writeln!(text, "{:indent$}{} = {value}{comma}", "", setting.name);
        }
        let _ = write!(text, "{:1$}]", "", self.indent());
        text
    }

    /// The whole file.
    pub(super) fn file(&mut self) {
        let file = self.file;
        self.within(&[]);
        self.lead(&[12]);
        self.line(&match (file.syntax, file.edition) {
            (Some("editions"), edition) => format!("edition = \"{}\";", edition_name(edition.unwrap_or_default())),
            (Some("proto3"), _) => "syntax = \"proto3\";".into(),
            _ => "syntax = \"proto2\";".into(),
        });
        if let Some(package) = file.package.filter(|package| !package.is_empty()) {
            self.blank();
            self.lead(&[2]);
            self.line(&format!("package {package};"));
        }
        self.imports();
        let options = self.options(
            "google.protobuf.FileOptions",
            &file.options,
            file.package.unwrap_or_default(),
        );
        if !options.is_empty() {
            self.blank();
            self.option_lines(&options);
        }
        self.top_level();
    }

    fn imports(&mut self) {
        let file = self.file;
        if !file.dependencies.is_empty() || !file.option_dependencies.is_empty() {
            self.blank();
        }
        for (index, name) in (0..).zip(&file.dependencies) {
            let modifier = match () {
                () if file.public_dependencies.contains(&index) => "public ",
                () if file.weak_dependencies.contains(&index) => "weak ",
                () => "",
            };
            self.lead(&[3, index]);
            self.line(&format!("import {modifier}{};", super::literal::quote(name.as_bytes())));
        }
        for (index, name) in (0..).zip(&file.option_dependencies) {
            self.lead(&join(&[], [15, index]));
            self.line(&format!("import option {};", super::literal::quote(name.as_bytes())));
        }
    }
}

/// What stands behind `edition =`. `google.protobuf.Edition` numbers them: 1000 is 2023, 1001 is 2024.
fn edition_name(number: i32) -> String {
    match number {
        1000..2000 => (number + 1023).to_string(),
        9999 => "UNSTABLE".into(),
        other => other.to_string(),
    }
}
