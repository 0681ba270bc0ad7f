// What page_test.py asks inside the page. Each function returns a list of what is wrong.

function textContrast() {
    const numbers = colour => colour.match(/[\d.]+/g).map(Number);
    const light = colour => {
        const [r, g, b] = numbers(colour).map(value => value / 255)
            .map(value => value <= .04045 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4);
        return .2126 * r + .7152 * g + .0722 * b;
    };
    const ground = node => {
        for (; node; node = node.parentElement) {
            const colour = getComputedStyle(node).backgroundColor;
            if (numbers(colour)[3] !== 0) return colour;
        }
        return getComputedStyle(document.documentElement).colorScheme && matchMedia('(prefers-color-scheme: dark)').matches
            ? 'rgb(18, 18, 18)' : 'rgb(255, 255, 255)';
    };
    const wrong = [];
    let looked = 0;
    for (const node of document.querySelectorAll('body *')) {
        const own = [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim());
        if (!own || !node.getClientRects().length || node.closest('script, noscript')) continue;
        const style = getComputedStyle(node);
        const [one, other] = [light(node.ownerSVGElement ? style.fill : style.color), light(ground(node))];
        const ratio = (Math.max(one, other) + .05) / (Math.min(one, other) + .05);
        looked += 1;
        if (ratio < 4.5) wrong.push(`${ratio.toFixed(2)}: ${node.textContent.trim().slice(0, 40)}`);
    }
    return looked > 40 ? wrong : [`only ${looked} texts were looked at`];
}

function namesAndOrder() {
    const wrong = [];
    const all = selector => [...document.querySelectorAll(selector)];
    const named = node => node.getAttribute('aria-label')
        || (node.getAttribute('aria-labelledby') || '').split(' ').some(id => document.getElementById(id)?.textContent);
    const tell = node => node.outerHTML.slice(0, 90);
    for (const node of all('input')) if (!node.labels.length && !named(node)) wrong.push(`no label: ${tell(node)}`);
    for (const node of all('button')) if (!node.textContent.trim()) wrong.push(`no words: ${tell(node)}`);
    for (const node of all('svg')) {
        const hidden = node.getAttribute('aria-hidden') === 'true';
        if (!hidden && !(node.getAttribute('role') === 'img' && named(node))) wrong.push(`no name: ${tell(node)}`);
    }
    for (const node of all('section, [role=slider], [role=group]')) if (!named(node)) wrong.push(`no name: ${tell(node)}`);
    for (const node of all('table')) {
        if (!node.caption && !named(node)) wrong.push(`no name: ${tell(node)}`);
        if (!node.querySelector('thead th[scope=col]') || !node.querySelector('tbody th[scope=row]')) wrong.push(`no headers: ${tell(node)}`);
    }
    const levels = all('h1, h2, h3, h4').filter(node => node.getClientRects().length).map(node => Number(node.tagName[1]));
    levels.forEach((level, n) => { if (level > (levels[n - 1] || 0) + 1) wrong.push(`h${level} after h${levels[n - 1]}`); });
    if (levels.filter(level => level === 1).length !== 1) wrong.push('not one h1');
    const ids = all('[id]').map(node => node.id);
    ids.forEach((id, n) => { if (ids.indexOf(id) !== n) wrong.push(`twice: #${id}`); });
    for (const tag of ['header', 'main', 'footer']) if (all(tag).length !== 1) wrong.push(`not one ${tag}`);
    if (document.documentElement.lang !== 'en') wrong.push('no lang');
    if (all('[style], [onclick], [onload], [onsubmit]').length) wrong.push('a style or a handler in the markup');
    return wrong;
}

function widerThan(width) {
    const wrong = [];
    if (document.documentElement.scrollWidth > width) wrong.push(`the page is ${document.documentElement.scrollWidth} wide`);
    for (const node of document.querySelectorAll('main *, header *')) {
        const box = node.getBoundingClientRect();
        if (box.width > 1 && box.right > width + .5 && !node.closest('.unseen')) wrong.push(`${node.tagName} ${node.id} reaches to ${box.right}`);
    }
    return wrong.slice(0, 5);
}

function figures() {
    const found = {};
    for (const node of document.querySelectorAll('[data-figure]')) {
        const value = node.dataset.value === '' ? null : Number(node.dataset.value);
        if (node.dataset.figure in found && found[node.dataset.figure] !== value) return { disagree: node.dataset.figure };
        found[node.dataset.figure] = value;
    }
    return found;
}
