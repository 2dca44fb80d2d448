"""A site put together from the settings: with which templates, whose reasons, and under which key it is known."""

import json
from collections.abc import Mapping
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from digest import __version__, resources
from digest.archive import Archive
from digest.catalogue.taxonomy import Taxonomy
from digest.classify import card as cards
from digest.classify import model
from digest.core.citation import bibtex
from digest.core.domain import ModelInfo
from digest.core.edition import Edition, Item
from digest.core.site import SUBSCRIBE, AboutPage, Frame
from digest.core.words import month_index
from digest.errors import ModelError, SettingsError
from digest.feeding import Feeding, Shown, links
from digest.letters import Letters, Terms
from digest.library import Library
from digest.reasons import Reasons
from digest.render.html import Pages
from digest.render.markdown import Renderer
from digest.settings import Settings, forms_address
from digest.signing import Signer, signer
from digest.site import Parts, Site
from digest.store.database import Database

_LARGEST = 2**20


def library(settings: Settings, folder: Path, database: Database) -> Library:
    """Return all editions of the category that are in a database; the model is in *folder*."""
    return Library(database, settings.category, _taxonomy(settings, folder), resources.calendar())


def site(settings: Settings, folder: Path, archive: Archive) -> Site:
    """Return the site of an archive; the model whose reasons it gives is in *folder*."""
    title = settings.site_title or f"{archive.category} digest"
    form = f"{settings.mail_url}{SUBSCRIBE}" if settings.mail_url and not settings.sample else ""
    frame = Frame(title, archive.category, archive.taxonomy, settings.site_url, sample=settings.sample, subscribe=form)
    own = () if settings.sample else settings.feeds
    about = _about(folder)
    reasons = _reasons_of(folder, about.model_sha256)
    parts = Parts(_pages(), reasons, _cited, month_index, partial(Feeding, own=own, shown=_shown()), links(archive.taxonomy, own), about)
    return Site(archive, frame, parts)


def letters(settings: Settings, archive: Archive, secret: bytes) -> Letters:
    """Return what composes letters to subscribers; the links in them are derived from *secret*.

    Raises:
        MailError: the settings are no good for letters, or a package that they need is not there.
        SettingsError: the key of DKIM cannot be used, or people would unsubscribe over an address that is not https://.

    """
    domain = settings.mail_list
    sender, forms = settings.mail_from or f"digest@{domain}", forms_address(settings)
    terms = Terms(settings.sender_name, sender, domain, forms, settings.pages_url, secret)
    return Letters(archive, terms, resources.folder("templates"), signing(settings))


def signing(settings: Settings) -> Signer | None:
    """Return what signs letters; None if no key is set.

    Raises:
        SettingsError: the key of DKIM cannot be used.

    """
    path, selector = settings.dkim_key_file, settings.dkim_selector
    if bool(path) != bool(selector):
        msg = "of dkim_selector and dkim_key_file only one is set"
        raise SettingsError(msg, advice="set both, or none for letters without a signature")
    return signer(path, selector, settings.mail_list) if path and selector else None


def key(settings: Settings, found: Site) -> str:
    """Return a text that is another one if pages of the same editions may be others: after a new release, with another title."""
    told = sha256()
    templates = resources.folder("templates")
    for path in sorted(path for path in templates.rglob("*") if path.is_file()):
        told.update(f"{path.relative_to(templates).as_posix()} {sha256(path.read_bytes()).hexdigest()}\n".encode())
    told.update(repr((__version__, found.frame, found.parts.about, found.parts.links, settings.feeds)).encode())
    return told.hexdigest()


def _taxonomy(settings: Settings, folder: Path) -> Taxonomy:
    """Return the topics: those of a model of the user's, if it has its own, else the catalogue's."""
    if settings.model is not None:
        try:
            return model.load(folder).taxonomy or resources.taxonomy()
        except ModelError:
            pass  # a run has said so
    return resources.taxonomy()


def _about(folder: Path) -> AboutPage:
    """Return what is told of the model in a folder, without loading it."""
    try:
        manifest = _small(folder / "manifest.json")
        info = ModelInfo(str(json.loads(manifest)["name"]), sha256(manifest).hexdigest())
    except (OSError, ValueError, KeyError, TypeError):
        return AboutPage({}, "", "")
    card: Mapping[str, Any] = {}
    try:
        cards.read(folder, info)
        card = json.loads(_small(folder / cards.FIGURES))
    except (ModelError, OSError, ValueError):
        card = {}
    return AboutPage(card, info.name, info.sha256)


def _small(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LARGEST)


@cache
def _pages() -> Pages:
    """Return what writes pages: one for all sites, for to read its templates takes longer than to write some."""
    return Pages(resources.folder("templates"))


@cache
def _shown() -> Shown:
    return Shown()


@cache
def _renderer() -> Renderer:
    return Renderer(resources.folder("templates"))


_reasons: dict[Path, tuple[str, Reasons]] = {}
"""By the folder of the model, with its sha256: to load a model takes longer than a day's work."""


def _reasons_of(folder: Path, sha256_of_model: str) -> Reasons:
    kept = _reasons.get(folder)
    if kept is None or kept[0] != sha256_of_model:
        _reasons[folder] = kept = sha256_of_model, Reasons(folder)
    return kept[1]


def _cited(item: Item, edition: Edition) -> tuple[str, str]:
    return bibtex(item.entry.paper, edition.date), _renderer().paper(item, edition)
