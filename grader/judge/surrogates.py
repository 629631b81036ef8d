"""Classes and instances that stand for what lives on the other side.

Each class there gets one real class here, with the same name, bases and special methods, so that `isinstance`,
`except`, `callable`, `len`, operators and `with` work as if it were here. Everything else is asked for over the link.
An instance holds a number and nothing else.
"""

from __future__ import annotations

from typing import Any, Protocol

from grader.judge.describe import TEXTS, Description


class Asker(Protocol):
    """The peer's side that surrogates talk to."""

    def special(self, target: Any, name: str, operands: tuple[Any, ...]) -> Any: ...

    def attribute(self, target: Any, name: str) -> Any: ...

    def change_attribute(self, target: Any, name: str, *value: Any) -> None: ...

    def call(self, target: Any, name: str | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any: ...

    def plain(self, target: Any, wish: str) -> Any: ...

    def let_go(self, number: int) -> None: ...


class Profile:
    """What is known of a surrogate class: its number and description, and the genuine class, where this side has it."""

    __slots__ = ("asker", "description", "face", "genuine", "number")

    def __init__(self, asker: Asker, number: int, description: Description, genuine: type | None) -> None:
        self.asker = asker
        self.number = number
        self.description = description
        self.genuine = genuine
        self.face = genuine


class Nobody:
    """Whom the root of all surrogate classes asks: nobody."""

    genuine = face = None


class SurrogateMeta(type):
    """The class of surrogate classes. Using one as a class asks the other side."""

    _profile: Any

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return cls._profile.asker.call(cls, None, args, kwargs)

    def __getattr__(cls, name: str) -> Any:
        if name in HIDDEN:
            raise AttributeError(name)
        return cls._profile.asker.attribute(cls, name)

    def __setattr__(cls, name: str, value: Any) -> None:
        cls._profile.asker.change_attribute(cls, name, value)

    def __delattr__(cls, name: str) -> None:
        cls._profile.asker.change_attribute(cls, name)

    def __instancecheck__(cls, instance: Any) -> bool:
        genuine = cls._profile.genuine
        return type.__instancecheck__(cls, instance) or (genuine is not None and isinstance(instance, genuine))

    def __eq__(cls, other: object) -> bool:
        return cls is other or (other is not None and other in (cls._profile.genuine, cls._profile.face))

    def __hash__(cls) -> int:
        return type.__hash__(cls)  # never the genuine class's: no table of types may take one for the other

    def __repr__(cls) -> str:
        genuine = cls._profile.genuine
        return type.__repr__(cls) if genuine is None else repr(genuine)

    def __iter__(cls) -> Any:  # an enumeration's members
        return cls._profile.asker.special(cls, "__iter__", ())

    def __getitem__(cls, key: Any) -> Any:
        return cls._profile.asker.special(cls, "__getitem__", (key,))

    def __len__(cls) -> int:
        return int(cls._profile.asker.special(cls, "__len__", ()))

    def __bool__(cls) -> bool:
        return True


HIDDEN = frozenset(
    {
        "_profile", "_number", "__isabstractmethod__", "__array_interface__", "__array_struct__", "__array_ufunc__",
        "__array_function__", "__array_priority__", "__array_wrap__", "__array_finalize__", "__array_namespace__",
        "__array_prepare__", "__torch_function__", "__torch_dispatch__", "__pandas_priority__", "__dataframe__",
        "__dlpack__", "__dlpack_device__", "__arrow_array__", "__arrow_c_array__", "__arrow_c_stream__",
        "__arrow_c_schema__", "__cuda_array_interface__", "__jax_array__", "__sklearn_tags__", "__subclasshook__",
        "__instancecheck__", "__subclasscheck__", "__del__", "__getattribute__",
    }
)  # fmt: skip  # hooks by which a library would hand its own work to the student's code


class Surrogate(metaclass=SurrogateMeta):
    """An object of the other side."""

    __slots__ = ("__weakref__", "_number")
    _number: int
    _profile: Any = Nobody()

    def __getattr__(self, name: str) -> Any:
        if name in HIDDEN or name.startswith(("_repr_", "_ipython_")):
            raise AttributeError(name)
        return type(self)._profile.asker.attribute(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        type(self)._profile.asker.change_attribute(self, name, value)

    def __delattr__(self, name: str) -> None:
        type(self)._profile.asker.change_attribute(self, name)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        face = type(self)._profile.face
        return type(self) if face is None else face

    def _attributes(self) -> Any:
        return type(self)._profile.asker.attribute(self, "__dict__")

    def __dir__(self) -> Any:
        return type(self)._profile.asker.plain(self, "dir")

    def __copy__(self) -> Any:
        return type(self)._profile.asker.plain(self, "copy")

    def __deepcopy__(self, memo: Any) -> Any:
        return type(self)._profile.asker.plain(self, "deepcopy")

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError(f"cannot pickle {type(self).__name__!r} object")

    def __repr__(self) -> str:
        return str(type(self)._profile.asker.special(self, "__repr__", ()))

    def __str__(self) -> str:
        return str(type(self)._profile.asker.special(self, "__str__", ()))

    def __format__(self, how: str) -> str:
        return str(type(self)._profile.asker.special(self, "__format__", (how,)))

    def __del__(self) -> None:
        type(self)._profile.asker.let_go(self._number)


class Doc:
    """The documentation of a class, or of the object that is asked."""

    def __init__(self, text: str | None) -> None:
        self._text = text

    def __get__(self, obj: Any, owner: Any) -> Any:
        return self._text if obj is None else owner._profile.asker.attribute(obj, "__doc__")


class Method:
    """A method of an object of the other side, bound to it. Calling it takes one trip."""

    __slots__ = ("__name__", "__self__")

    def __init__(self, target: Any, name: str) -> None:
        self.__self__ = target
        self.__name__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return asker_of(self.__self__).call(self.__self__, self.__name__, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name in HIDDEN:
            raise AttributeError(name)
        owner = asker_of(self.__self__)
        return owner.attribute(owner.plain(self.__self__, f"method:{self.__name__}"), name)

    def __eq__(self, other: object) -> bool:
        return type(other) is Method and other.__self__ is self.__self__ and other.__name__ == self.__name__

    def __hash__(self) -> int:
        return hash((id(self.__self__), self.__name__))

    def __repr__(self) -> str:
        return f"<bound method {self.__name__} of {self.__self__!r}>"


def is_surrogate(obj: Any) -> bool:
    """Whether `obj` stands for an object of the other side."""
    return type(type(obj)) is SurrogateMeta and isinstance_of_root(type(obj))


def isinstance_of_root(kind: type) -> bool:
    """Whether `kind` is a surrogate class of objects (not of exceptions)."""
    return Surrogate in type.__dict__["__mro__"].__get__(kind)


def asker_of(obj: Any) -> Asker:
    """Who to ask about a surrogate or a surrogate class."""
    kind = obj if type(obj) is SurrogateMeta else type(obj)
    asker: Asker = kind._profile.asker
    return asker


def _forwarder(name: str) -> Any:
    def forward(self: Any, *operands: Any) -> Any:
        return type(self)._profile.asker.special(self, name, operands)

    forward.__name__ = forward.__qualname__ = name
    return forward


def _call(self: Any, *args: Any, **kwargs: Any) -> Any:
    return type(self)._profile.asker.call(self, None, args, kwargs)


def build_class(profile: Profile, bases: tuple[type, ...]) -> Any:
    """The surrogate class for `profile`; `bases` are surrogate classes and genuine exception classes."""
    described = profile.description
    namespace: dict[str, Any] = {
        "__module__": described.module,
        "__qualname__": described.qualname,
        "_profile": profile,
    }
    wrong = any(issubclass(base, BaseException) for base in bases)
    if wrong:
        namespace |= {"__doc__": described.doc, "__str__": _text_of_exception}
    else:
        namespace |= {name: _forwarder(name) for name in described.specials if name not in TEXTS}
        namespace |= {"__slots__": (), "__doc__": Doc(described.doc), "__dict__": property(Surrogate._attributes)}
        if "__call__" in described.specials:
            namespace["__call__"] = _call
        if described.unhashable:
            namespace["__hash__"] = None
        elif "__hash__" not in described.specials:
            namespace["__hash__"] = object.__hash__
        if not any(isinstance_of_root(base) for base in bases):
            bases = (*bases, Surrogate)
    return SurrogateMeta.__new__(SurrogateMeta, described.name, bases, namespace)


def _text_of_exception(self: Any) -> str:
    text = self.__dict__.get("_text")
    return text if text is not None else BaseException.__str__(self)
